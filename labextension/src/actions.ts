/** What the buttons do, apart from how they look. */

import type { ArtifactOut, JobDetail, JobOut, ScheduleOut } from './api';
import { messageOf, type Client } from './client';
import { cloneDraft } from './clone';
import { emptyDraft, type Draft } from './draft';
import { saveInBrowser } from './files/download';
import { bytes } from './format';
import type { Host, JobTab } from './host';
import type { Session } from './session';

export type { JobTab } from './host';

/** Above this, ask before a file goes through the browser into the home directory. */
const LARGE = 100 * 1024 * 1024;

export class Actions {
  artifactDirectory = 'job-artifacts';

  constructor(
    readonly session: Session,
    readonly host: Host
  ) {}

  newJob(draft?: Partial<Draft>): void {
    this.host.open({ what: 'new-job', draft });
  }

  newSchedule(): void {
    this.newJob({ when: 'schedule' });
  }

  openJob(job: { group: string; id: string; name: string }, tab: JobTab = 'log'): void {
    this.host.open({ what: 'job', group: job.group, id: job.id, name: job.name, tab });
  }

  openSchedule(schedule: { group: string; id: string; name: string }): void {
    this.host.open({ what: 'schedule', group: schedule.group, id: schedule.id, name: schedule.name });
  }

  editSchedule(schedule: { group: string; id: string; name: string }): void {
    this.host.open({ what: 'edit-schedule', group: schedule.group, id: schedule.id, name: schedule.name });
  }

  async cancel(job: JobOut): Promise<void> {
    const agreed = await this.host.ask({
      title: `Cancel “${job.name}”?`,
      body:
        job.state === 'Pending'
          ? 'The job leaves the queue and does not start.'
          : 'The job is stopped. Files that it wrote so far are kept.',
      keep: 'Keep the job',
      accept: 'Cancel the job'
    });
    if (agreed) {
      await this.attempt('Cannot cancel the job', async client => {
        await client.cancel(job.group, job.id);
        this.session.touch(job.id);
      });
    }
  }

  /** Exactly as it was: the same files, image and machine. */
  async rerun(job: JobOut): Promise<void> {
    await this.attempt('Cannot run the job again', async client => {
      const created = await client.rerun(job.group, job.id);
      this.session.touch(created.id);
      this.host.tell(`“${created.name}” was submitted again.`);
      this.openJob(created);
    });
  }

  /** The form, filled with what was asked for then. */
  async editAndRun(job: { group: string; id: string }, when: Draft['when'] = 'once'): Promise<void> {
    await this.attempt('Cannot read the job', async client => {
      const detail: JobDetail = await client.job(job.group, job.id);
      this.newJob({ ...cloneDraft(emptyDraft(), detail), when });
    });
  }

  async pauseSchedule(schedule: ScheduleOut): Promise<void> {
    await this.attempt('Cannot pause the schedule', async client => {
      await client.pauseSchedule(schedule.group, schedule.id);
      this.session.touch(null, 'schedule');
    });
  }

  async resumeSchedule(schedule: ScheduleOut, takeOver = false): Promise<void> {
    await this.attempt('Cannot resume the schedule', async client => {
      await client.resumeSchedule(schedule.group, schedule.id, takeOver);
      this.session.touch(null, 'schedule');
    });
  }

  async runSchedule(schedule: ScheduleOut): Promise<void> {
    await this.attempt('Cannot run it now', async client => {
      await client.runSchedule(schedule.group, schedule.id);
      this.host.tell(`“${schedule.name}” runs now, beside its times.`);
      this.session.touch(null, 'schedule');
    });
  }

  /** True when it is gone. */
  async deleteSchedule(schedule: ScheduleOut): Promise<boolean> {
    const agreed = await this.host.ask({
      title: `Delete the schedule “${schedule.name}”?`,
      body: 'It does not run again and its history goes. Jobs that it submitted stay.',
      keep: 'Keep the schedule',
      accept: 'Delete the schedule'
    });
    let gone = false;
    if (agreed) {
      await this.attempt('Cannot delete the schedule', async client => {
        await client.deleteSchedule(schedule.group, schedule.id);
        gone = true;
        this.session.touch(null, 'schedule');
      });
    }
    return gone;
  }

  async saveLog(job: JobOut): Promise<void> {
    await this.attempt('Cannot fetch the log', async client =>
      saveInBrowser(await client.log(job.group, job.id), `${job.id}.log`)
    );
  }

  async downloadArtifact(job: JobOut, artifact: ArtifactOut): Promise<void> {
    await this.attempt('Cannot download the file', async client => {
      const blob = await client.artifact(job.group, job.id, artifact.path);
      saveInBrowser(blob, artifact.path.split('/').pop() ?? 'artifact');
    });
  }

  /** Puts the file below the home directory and opens it there. */
  async openArtifact(job: JobOut, artifact: ArtifactOut): Promise<void> {
    if (!(await this.agreeToSize(artifact))) {
      return;
    }
    await this.attempt('Cannot open the file', async client =>
      this.host.openArtifact?.(job, artifact, this.artifactDirectory, () =>
        client.artifact(job.group, job.id, artifact.path)
      )
    );
  }

  /** Does it and tells what went wrong; nothing without a service. */
  async attempt(what: string, act: (client: Client) => Promise<unknown>): Promise<void> {
    const { client } = this.session;
    if (!client) {
      return;
    }
    try {
      await act(client);
    } catch (error) {
      this.host.fail(`${what}: ${messageOf(error)}`);
    }
  }

  private async agreeToSize(artifact: ArtifactOut): Promise<boolean> {
    return (
      artifact.size <= LARGE ||
      this.host.ask({
        title: 'Open a large file?',
        body: `“${artifact.path}” has ${bytes(artifact.size)} and will be copied into your home directory.`,
        accept: 'Copy and open'
      })
    );
  }
}
