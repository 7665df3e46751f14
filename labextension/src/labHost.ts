/** JupyterLab as the place where the parts stand. */

import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { Contents } from '@jupyterlab/services';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { ArtifactOut, JobOut } from './api';
import { artifactTarget, base64, parents } from './artifacts';
import { drivePath } from './drive/paths';
import type { Host, Place, Question } from './host';
import { CommandIDs } from './tokens';

/** Jupyter Server takes larger files in pieces; a multiple of 3, so that the base64 pieces have no padding. */
const CHUNK = 6 * 1024 * 1024;

const COMMANDS: Record<Place['what'], string> = {
  job: CommandIDs.openJob,
  'new-job': CommandIDs.newJob,
  schedule: CommandIDs.openSchedule,
  'edit-schedule': CommandIDs.editSchedule,
  sweep: CommandIDs.openSweep,
  queue: CommandIDs.openQueue,
  files: CommandIDs.openFiles,
  dataset: CommandIDs.openDataset,
  'new-dataset': CommandIDs.newDataset,
  datasets: CommandIDs.openDatasets,
  jobs: CommandIDs.showPanel
};

export class LabHost implements Host {
  constructor(
    private readonly commands: CommandRegistry,
    private readonly contents: Contents.IManager
  ) {}

  async ask(question: Question): Promise<boolean> {
    const answer = await showDialog({
      title: question.title,
      body: question.body,
      buttons: [
        Dialog.cancelButton({ label: question.keep ?? 'Cancel' }),
        Dialog.warnButton({ label: question.accept })
      ]
    });
    return answer.button.accept;
  }

  tell(text: string): void {
    Notification.success(text, { autoClose: 4000 });
  }

  fail(text: string): void {
    Notification.error(text, { autoClose: false });
  }

  open(place: Place): void {
    const { what, ...args } = place;
    void this.commands.execute(COMMANDS[what], args as unknown as ReadonlyPartialJSONObject);
  }

  async openFile(group: string, path: string): Promise<void> {
    await this.commands.execute('docmanager:open', { path: drivePath(group, path) });
  }

  async openArtifact(
    job: JobOut,
    artifact: ArtifactOut,
    directory: string,
    fetch: () => Promise<Blob>
  ): Promise<void> {
    const path = artifactTarget(directory, job.id, artifact.path);
    const blob = await fetch();
    for (const parent of parents(path)) {
      await this.contents.save(parent, { type: 'directory' });
    }
    await this.save(path, blob);
    await this.commands.execute('docmanager:open', { path });
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
}
