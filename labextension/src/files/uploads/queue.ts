/** The files that go up: a few at a time, each of which can be paused, tried again and given up. Nothing here draws. */

import { Signal, type ISignal } from '@lumino/signaling';

import { ApiError, messageOf } from '../../http';
import type { Dropped } from './drop';
import { Feed, type Found } from './feed';
import { isLive, newItem, settle, type Choice, type UploadItem } from './item';
import { checkSame, marksOf, type Key, type Memory } from './memory';
import type { Sender } from './sender';

/** Files under way at once: more would only share the same line. */
const AT_ONCE = 3;
/** So many wait in the list; the others are read from their folder when it is their turn. */
const AHEAD = 100;
/** So many that are done stay in sight. */
const SHOWN_DONE = 5;

export interface QueueParts {
  user: string;
  sender: (group: string, id: string | null, file: File) => Promise<Sender>;
  makeFolder: (group: string, path: string) => Promise<unknown>;
  drop: (group: string, id: string) => Promise<unknown>;
  /** Is there something of this name? */
  taken: (group: string, path: string) => Promise<boolean>;
  memory: Memory;
  now?: () => number;
}

export class UploadQueue {
  items: UploadItem[] = [];
  /** How many have arrived, those out of sight too. */
  done = 0;
  /** Something that could not even be read. */
  trouble = '';

  private readonly _changed = new Signal<this, void>(this);
  private readonly _ended = new Signal<this, { group: string }>(this);
  private readonly answers = new Map<number, Choice>();
  private readonly feed: Feed;
  private counter = 0;
  private readonly now: () => number;

  constructor(private readonly parts: QueueParts) {
    this.now = parts.now ?? Date.now;
    this.feed = new Feed({
      room: () => this.items.filter(i => i.state === 'Waiting').length < AHEAD,
      take: found => this.take(found),
      trouble: error => (this.trouble = messageOf(error))
    });
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** A file is in its place or a folder was made; or one failed or was given up, and no room is kept for it. */
  get ended(): ISignal<this, { group: string }> {
    return this._ended;
  }

  /** Would leaving the page stop something? */
  get active(): boolean {
    return this.feed.open || this.items.some(isLive);
  }

  /** More is to come than is in the list. */
  get more(): boolean {
    return this.feed.open;
  }

  /** Puts what was dropped into a folder of a group. */
  add(group: string, folder: string, dropped: AsyncIterable<Dropped>): void {
    this.trouble = '';
    this.feed.add(group, folder, ++this.counter, dropped);
    this.pump();
  }

  /** The same file again: an upload that was begun before goes on. */
  async resume(group: string, upload: { id: string; path: string }, file: File): Promise<void> {
    const key = this.keyOf(group, upload.path, file);
    const begun = this.parts.memory.find(key);
    // What this browser remembers, if it is of the upload that is meant.
    checkSame(file, await marksOf(file), begun?.id === upload.id ? begun : null);
    this.push(group, upload.path, file, ++this.counter, upload.id);
    this.pump();
  }

  pause(item: UploadItem): void {
    if (isLive(item)) {
      item.state = 'Paused';
      item.scope?.abort();
      this.pump();
    }
  }

  /** Goes on after a pause, or tries again. */
  go(item: UploadItem): void {
    if (item.state === 'Paused' || item.state === 'Failed') {
      item.state = 'Waiting';
      item.problem = '';
      this.pump();
    }
  }

  pauseAll(): void {
    this.items.filter(isLive).forEach(i => this.pause(i));
  }

  goAll(): void {
    this.items.filter(i => i.state === 'Paused' || i.state === 'Failed').forEach(i => this.go(i));
  }

  /** Gives one up; what has arrived of it is dropped. */
  async cancel(item: UploadItem): Promise<void> {
    this.items = this.items.filter(other => other !== item);
    item.scope?.abort();
    this.pump();
    if (item.id && item.state !== 'Done') {
      this.parts.memory.forget(this.keyOf(item.group, item.path, item.file));
      try {
        await this.parts.drop(item.group, item.id);
      } catch (error) {
        // What is gone already is what was wanted; all else ends by itself when the upload expires.
        this.trouble = error instanceof ApiError && error.status < 500 ? '' : messageOf(error);
      }
      this._changed.emit();
      this._ended.emit({ group: item.group });
    }
  }

  async cancelAll(): Promise<void> {
    this.feed.stop();
    await Promise.all(this.items.filter(i => i.state !== 'Done').map(i => this.cancel(i)));
  }

  /** Takes what is done and what was given up out of sight. */
  clear(): void {
    this.items = this.items.filter(i => i.state !== 'Done' && i.state !== 'Failed');
    this.done = 0;
    this.trouble = '';
    this._changed.emit();
  }

  /** There is a file of this name already; `all`: the same for the others that were dropped with it. */
  resolve(item: UploadItem, choice: Choice, all: boolean): void {
    if (all) {
      this.answers.set(item.batch, choice);
    }
    for (const other of this.items.filter(i => i.state === 'Conflict')) {
      if (other === item || (all && other.batch === item.batch)) {
        this.settle(other, choice);
      }
    }
    this.pump();
  }

  private settle(item: UploadItem, choice: Choice): void {
    this.items = choice === 'skip' ? this.items.filter(other => other !== item) : this.items;
    settle(item, choice);
  }

  private async take({ group, path, file, batch }: Found): Promise<void> {
    if (file) {
      this.push(group, path, file, batch, null);
      this.pump();
      return;
    }
    try {
      await this.parts.makeFolder(group, path);
    } catch (error) {
      // One that is there already is what was wanted.
      if (!(error instanceof ApiError && error.status === 409)) {
        throw error;
      }
    }
    this._ended.emit({ group });
  }

  private push(group: string, path: string, file: File, batch: number, id: string | null): void {
    const item = newItem({ key: ++this.counter, group, wanted: path, file, batch, id });
    // The same file twice in the list would be two writers of one upload.
    const twin = this.items.find(
      i => i.group === group && i.state !== 'Done' && (id ? i.id === id : i.path === path)
    );
    if (!twin) {
      this.items = [...this.items, item];
    } else if (twin.file.size === file.size) {
      this.go(twin);
    }
  }

  private pump(): void {
    let free = AT_ONCE - this.items.filter(i => i.scope !== null).length;
    for (const item of this.items) {
      if (free > 0 && item.state === 'Waiting' && item.scope === null) {
        free--;
        void this.send(item);
      }
    }
    this._changed.emit();
    if (this.feed.open) {
      void this.feed.read().then(() => this._changed.emit());
    }
  }

  private async send(item: UploadItem): Promise<void> {
    const scope = (item.scope = new AbortController());
    item.state = 'Sending';
    item.rate.reset();
    let error: unknown = null;
    try {
      await this.sendNow(item, scope.signal);
    } catch (thrown) {
      error = thrown;
    }
    item.scope = null;
    item.stalled = '';
    if (error === null) {
      this.finish(item);
    } else if (item.state === 'Sending') {
      this.fail(item, error, await this.isTaken(item, error));
    }
    this.pump();
  }

  private async sendNow(item: UploadItem, signal: AbortSignal): Promise<void> {
    const { memory, sender } = this.parts;
    const marks = await marksOf(item.file);
    let key = this.keyOf(item.group, item.path, item.file);
    const begun = memory.find(key);
    const same = begun && begun.mtime === marks.mtime && begun.sample === marks.sample;
    item.id ??= same ? begun.id : null;
    const send = await sender(item.group, item.id, item.file);
    await send({
      group: item.group,
      path: item.path,
      file: item.file,
      replace: item.replace,
      id: item.id,
      signal,
      began: id => {
        item.id = id;
        key = this.keyOf(item.group, item.path, item.file);
        memory.keep(key, { id, ...marks });
        this._changed.emit();
      },
      progress: sent => {
        item.sent = sent;
        item.rate.add(sent, this.now());
        this._changed.emit();
      },
      stalled: why => {
        if (why && !item.stalled) {
          item.rate.reset();
        }
        item.stalled = why;
        this._changed.emit();
      }
    });
    memory.forget(key);
  }

  private finish(item: UploadItem): void {
    item.state = 'Done';
    item.sent = item.file.size;
    this.done++;
    const seen = this.items.filter(i => i.state === 'Done');
    const gone = new Set(seen.slice(0, Math.max(0, seen.length - SHOWN_DONE)));
    this.items = this.items.filter(i => !gone.has(i));
    this._ended.emit({ group: item.group });
  }

  private fail(item: UploadItem, error: unknown, taken: boolean): void {
    if (taken) {
      item.state = 'Conflict';
      const answer = this.answers.get(item.batch) ?? (item.copies > 0 ? 'keep-both' : undefined);
      if (answer && !(answer === 'replace' && item.replace)) {
        this.settle(item, answer);
      }
      item.problem = messageOf(error);
      return;
    }
    item.state = 'Failed';
    item.problem = messageOf(error);
    this._ended.emit({ group: item.group });
  }

  /** A conflict may be about other things than the name. */
  private async isTaken({ group, path }: UploadItem, error: unknown): Promise<boolean> {
    return error instanceof ApiError && error.status === 409 && this.parts.taken(group, path);
  }

  private keyOf(group: string, path: string, file: File): Key {
    return { user: this.parts.user, group, path, size: file.size };
  }
}
