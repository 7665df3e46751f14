/** What the buttons do, apart from how they look. */

import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { Contents } from '@jupyterlab/services';
import type { CommandRegistry } from '@lumino/commands';

import type { ArtifactOut, JobOut } from './api';
import { artifactTarget, base64, parents } from './artifacts';
import { messageOf } from './client';
import { bytes } from './format';
import type { Session } from './session';
import { CommandIDs } from './tokens';

export type JobTab = 'log' | 'details' | 'history' | 'artifacts';

/** Above this, ask before a file goes through the browser into the home directory. */
const LARGE = 100 * 1024 * 1024;
/** Jupyter Server takes larger files in pieces; a multiple of 3, so that the base64 pieces have no padding. */
const CHUNK = 6 * 1024 * 1024;

export class Actions {
  artifactDirectory = 'job-artifacts';

  constructor(
    readonly session: Session,
    private readonly commands: CommandRegistry,
    private readonly contents: Contents.IManager
  ) {}

  newJob(): void {
    void this.commands.execute(CommandIDs.newJob);
  }

  openJob(job: { group: string; id: string; name: string }, tab: JobTab = 'log'): void {
    void this.commands.execute(CommandIDs.openJob, { group: job.group, id: job.id, name: job.name, tab });
  }

  async cancel(job: JobOut): Promise<void> {
    const answer = await showDialog({
      title: `Cancel “${job.name}”?`,
      body:
        job.state === 'Pending'
          ? 'The job leaves the queue and does not start.'
          : 'The job is stopped. Files that it wrote so far are kept.',
      buttons: [
        Dialog.cancelButton({ label: 'Keep the job' }),
        Dialog.warnButton({ label: 'Cancel the job' })
      ]
    });
    const { client } = this.session;
    if (!answer.button.accept || !client) {
      return;
    }
    await this.attempt('Cannot cancel the job', async () => {
      await client.cancel(job.group, job.id);
      this.session.touch(job.id);
    });
  }

  async rerun(job: JobOut): Promise<void> {
    const { client } = this.session;
    if (client) {
      await this.attempt('Cannot run the job again', async () => {
        const created = await client.rerun(job.group, job.id);
        this.session.touch(created.id);
        Notification.success(`“${created.name}” was submitted again.`, { autoClose: 4000 });
      });
    }
  }

  async saveLog(job: JobOut): Promise<void> {
    const { client } = this.session;
    if (client) {
      await this.attempt('Cannot fetch the log', async () =>
        saveInBrowser(await client.log(job.group, job.id), `${job.id}.log`)
      );
    }
  }

  async downloadArtifact(job: JobOut, artifact: ArtifactOut): Promise<void> {
    const { client } = this.session;
    if (client) {
      await this.attempt('Cannot download the file', async () => {
        const blob = await client.artifact(job.group, job.id, artifact.path);
        saveInBrowser(blob, artifact.path.split('/').pop() ?? 'artifact');
      });
    }
  }

  /** Puts the file below the home directory and opens it there. */
  async openArtifact(job: JobOut, artifact: ArtifactOut): Promise<void> {
    const { client } = this.session;
    if (!client || !(await this.agreeToSize(artifact))) {
      return;
    }
    await this.attempt('Cannot open the file', async () => {
      const path = artifactTarget(this.artifactDirectory, job.id, artifact.path);
      const blob = await client.artifact(job.group, job.id, artifact.path);
      for (const directory of parents(path)) {
        await this.contents.save(directory, { type: 'directory' });
      }
      await this.save(path, blob);
      await this.commands.execute('docmanager:open', { path });
    });
  }

  private async agreeToSize(artifact: ArtifactOut): Promise<boolean> {
    if (artifact.size <= LARGE) {
      return true;
    }
    const answer = await showDialog({
      title: 'Open a large file?',
      body: `“${artifact.path}” has ${bytes(artifact.size)} and will be copied into your home directory.`,
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Copy and open' })]
    });
    return answer.button.accept;
  }

  /**
   * Always as a plain file, notebooks too: saved as a notebook, the server would trust cells that say so of
   * themselves, and this notebook may be somebody else's.
   */
  private async save(path: string, blob: Blob): Promise<void> {
    const options = { type: 'file', format: 'base64' } as const;
    if (blob.size <= CHUNK) {
      await this.contents.save(path, { ...options, content: await base64(blob) });
      return;
    }
    for (let start = 0, n = 1; start < blob.size; start += CHUNK, n++) {
      const last = start + CHUNK >= blob.size;
      const content = await base64(blob.slice(start, start + CHUNK));
      const part = { ...options, content, chunk: last ? -1 : n };
      await this.contents.save(path, part);
    }
  }

  private async attempt(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      Notification.error(`${what}: ${messageOf(error)}`, { autoClose: false });
    }
  }
}

function saveInBrowser(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.appendChild(link);
  link.click();
  link.remove();
  // Firefox reads the address after the click has returned.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
