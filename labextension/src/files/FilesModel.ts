/** Everything that a page of shared files shows and does; the parts only draw it. */

import { Signal, type ISignal } from '@lumino/signaling';

import type { Actions } from '../actions';
import { ApiError, messageOf, type Client } from '../client';
import { Soon } from '../soon';
import { Downloads } from './downloads';
import { FileList } from './FileList';
import { counted } from './kinds';
import { DATASETS, join, nameOf, outermost, parentOf, within } from './paths';
import { transfer } from './transfer';
import { undelete } from './undelete';
import { queueOf } from './uploads/open';
import type { Choice } from './uploads/item';
import type { UploadQueue } from './uploads/queue';
import type { Entry, Storage, Task, Trashed, Upload } from './wire';
import { verbOf, Work } from './work';

/** Something to answer before work goes on. */
export interface NameQuestion {
  name: string;
  folder: string;
  more: boolean;
  answer: (choice: Choice | null, all: boolean) => void;
}

export interface Note {
  text: string;
  undo?: () => Promise<void>;
}

export class FilesModel {
  readonly list: FileList;
  readonly work: Work;
  readonly queue: UploadQueue;
  readonly downloads: Downloads;
  storage: Storage | null = null;
  unfinished: Upload[] = [];
  /** What has just been done, and how it is undone. */
  note: Note | null = null;
  problem: unknown = null;
  question: NameQuestion | null = null;
  /** Paths that are being dragged inside the page. */
  dragged: string[] = [];

  private readonly _changed = new Signal<this, void>(this);
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Many that end together cost one look. */
  private readonly soon = new Soon(() => this.refresh(), 500);
  private looked = false;
  private telling = false;

  constructor(
    readonly actions: Actions,
    readonly client: Client,
    readonly group: string
  ) {
    this.list = new FileList(client, group);
    this.work = new Work(client, group);
    this.queue = queueOf(client);
    this.downloads = new Downloads(client, group, soon => (soon ? this.later() : this.emit()));
    this.list.changed.connect(this.emit, this);
    this.work.changed.connect(this.emit, this);
    this.queue.changed.connect(this.emit, this);
    this.queue.ended.connect(this.onQueue, this);
    actions.session.objectsChanged.connect(this.onObjects, this);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.soon.dispose();
    this.list.dispose();
    this.work.dispose();
    this.queue.changed.disconnect(this.emit, this);
    this.queue.ended.disconnect(this.onQueue, this);
    this.actions.session.objectsChanged.disconnect(this.onObjects, this);
    Signal.clearData(this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  denied(operation: string): string {
    return this.actions.session.denied(operation);
  }

  /** Why nothing may be changed in the folder that is shown, or empty. */
  get locked(): string {
    const denied = this.denied('file.write');
    return denied || (this.list.loaded && !this.list.writable ? 'What is here can only be read.' : '');
  }

  /** Why no link to it can be made, or empty. */
  unshared(entry: Pick<Entry, 'path'>): string {
    const inside = within(entry.path, DATASETS) ? 'What is in a dataset is shared by granting it.' : '';
    return this.denied('share.create') || inside;
  }

  async start(path: string): Promise<void> {
    this.note = null;
    void this.lookAround();
    await this.list.open(path);
  }

  /** Storage, unfinished uploads and work of others. */
  async lookAround(): Promise<void> {
    const { client, group } = this;
    // Of what runs when the page opens nobody else here tells how it ended.
    const before = !this.looked;
    this.looked = true;
    await Promise.allSettled([
      client.storage(group).then(storage => (this.storage = storage)),
      this.work.find((task, problem) => this.onFound(task, before ? problem : undefined)),
      client.uploads(group).then(({ items }) => {
        this.unfinished = items.filter(u => u.state === 'Open' && u.user === client.page.user);
      })
    ]);
    this._changed.emit();
  }

  /** Those that nobody here is sending. */
  get orphans(): Upload[] {
    const ours = new Set(this.queue.items.map(i => i.id));
    return this.unfinished.filter(u => !ours.has(u.id));
  }

  async refresh(): Promise<void> {
    await Promise.all([this.list.refresh(), this.lookAround()]);
  }

  /** After something of ours: whatever else shows these files, or how much there is, need not wait for word of it. */
  async settle(): Promise<void> {
    this.telling = true;
    this.actions.session.touch(null, 'file');
    this.telling = false;
    await this.refresh();
  }

  /** Work that was begun beside this page's own: shown until it ends. */
  async finish(task: Task): Promise<void> {
    await this.attempt(() => this.work.follow(task));
    await this.settle();
  }

  say(text: string): void {
    this.note = { text };
    this._changed.emit();
  }

  dismiss(): void {
    this.note = null;
    this.problem = null;
    this._changed.emit();
  }

  /** Does it, and keeps what went wrong where it is seen; true if it went well. */
  async attempt(act: () => Promise<unknown>): Promise<boolean> {
    this.problem = null;
    try {
      await act();
      return true;
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) {
        this.problem = error;
      }
      return false;
    } finally {
      this._changed.emit();
    }
  }

  async makeFolder(name: string): Promise<void> {
    const path = join(this.list.path, name.trim());
    await this.client.makeFolder(this.group, path);
    await this.list.refresh();
    this.list.choose([path]);
  }

  /** Throws what the service says against the name. */
  async rename(entry: Entry, name: string): Promise<void> {
    const target = join(parentOf(entry.path), name.trim());
    if (target !== entry.path) {
      await this.work.follow(await this.client.moveFile(this.group, entry.path, target));
      await this.list.refresh();
      this.list.choose([target]);
    }
  }

  /** Moves or copies into a folder, one after the other, asking where a name is taken. */
  async transfer(verb: 'move' | 'copy', paths: readonly string[], folder: string): Promise<void> {
    let count = 0;
    await this.attempt(() => transfer(this, verb, outermost(paths), folder, () => count++));
    if (count > 0) {
      const where = folder ? `“${nameOf(folder)}”` : 'the top folder';
      this.note = { text: `${verb === 'move' ? 'Moved' : 'Copied'} ${counted(count, 'item')} to ${where}.` };
    }
    await this.settle();
  }

  /** What is to be done about a name that is taken; null: nothing more. */
  ask(target: string, more: boolean): Promise<{ choice: Choice | null; all: boolean }> {
    return new Promise(resolve => {
      this.question = {
        name: nameOf(target),
        folder: parentOf(target),
        more,
        answer: (choice, all) => {
          this.question = null;
          this._changed.emit();
          resolve({ choice, all });
        }
      };
      this._changed.emit();
    });
  }

  /** Into the trash, from where a click brings it back. */
  async remove(entries: readonly Entry[]): Promise<void> {
    const paths = outermost(entries.map(e => e.path));
    const done = await this.attempt(async () => {
      for (let start = 0; start < paths.length; start += 1000) {
        const part = paths.slice(start, start + 1000);
        await this.work.follow(await this.client.deleteFiles(this.group, part));
        this.list.forget(part);
      }
    });
    if (done) {
      const what = paths.length === 1 ? `“${nameOf(paths[0])}” is` : `${counted(paths.length, 'item')} are`;
      this.note = { text: `${what} in the trash.`, undo: () => this.undelete(paths) };
    }
    await this.settle();
  }

  private async undelete(paths: readonly string[]): Promise<void> {
    this.note = null;
    await this.attempt(async () => {
      const missing = await undelete(this, paths);
      const text = missing > 0 ? `${counted(missing, 'item')} not found in the trash.` : 'Back where it was.';
      this.note = { text };
    });
    await this.settle();
  }

  async restore(trashed: Trashed, path: string | null = null): Promise<Task> {
    return this.work.follow(await this.client.restoreFile(this.group, trashed.id, path));
  }

  /** One file as it is; several, and folders, as a zip. */
  async download(entries: readonly Entry[]): Promise<void> {
    await this.attempt(() => this.downloads.run(entries, this.list.path));
  }

  /** The rest of an upload that was begun before, from the same file. */
  async resume(upload: Upload, file: File): Promise<void> {
    if (file.size !== upload.size) {
      throw new ApiError('refused', `“${file.name}” has another size than the file whose upload was begun.`);
    }
    await this.queue.resume(this.group, upload, file);
  }

  async dropUnfinished(upload: Upload): Promise<void> {
    await this.attempt(() => this.client.dropUpload(this.group, upload.id));
    await this.lookAround();
  }

  private emit(): void {
    this._changed.emit();
  }

  /** Draws soon: for what changes many times in a second. */
  private later(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this._changed.emit();
    }, 250);
  }

  private onFound(task: Task, problem: unknown): void {
    if (problem && task.user === this.client.page.user) {
      const what = `${verbOf(task.kind)} “${nameOf(task.source) || task.source}”`;
      this.problem = new Error(`${what} failed: ${messageOf(problem)}`);
    }
    void this.settle();
  }

  private onQueue(_: unknown, { group }: { group: string }): void {
    if (group === this.group) {
      this.soon.ask();
    }
  }

  private onObjects(_: unknown, change: { kind: string } | null): void {
    if (!this.telling && (change === null || change.kind === 'file' || change.kind === 'upload')) {
      this.soon.ask();
    }
  }
}
