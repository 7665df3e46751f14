/** Work on files that may take long: asked for again, with growing pauses, until it has ended. */

import { Signal, type ISignal } from '@lumino/signaling';

import type { FileCalls } from '../fileCalls';
import { ApiError } from '../http';
import { sleep } from '../sse';
import type { Task } from './wire';

export class Work {
  /** What runs now, the newest first. */
  running: Task[] = [];

  private readonly _changed = new Signal<this, void>(this);
  private readonly scope = new AbortController();
  private readonly followed = new Map<string, Promise<Task>>();

  constructor(
    private readonly client: Pick<FileCalls, 'fileTask' | 'fileTasks'>,
    private readonly group: string
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  dispose(): void {
    this.scope.abort();
    Signal.clearData(this);
  }

  /** Resolves when it has ended well, rejects with what it says when it has not. */
  follow(task: Task): Promise<Task> {
    const known = this.followed.get(task.id);
    if (known) {
      return known;
    }
    const end = this.watch(task).finally(() => this.followed.delete(task.id));
    this.followed.set(task.id, end);
    return end;
  }

  private async watch(task: Task): Promise<Task> {
    const { signal } = this.scope;
    let now = task;
    for (let wait = 300; now.state === 'Running' && !signal.aborted; wait = Math.min(wait * 1.4, 3000)) {
      this.show(now);
      await sleep(wait, signal);
      if (!signal.aborted) {
        now = await this.look(now);
      }
    }
    this.running = this.running.filter(t => t.id !== now.id);
    this._changed.emit();
    if (now.state === 'Failed') {
      throw new Error(now.message || 'The service could not do it.');
    }
    return now;
  }

  /** Shows what was begun elsewhere; `ended` is called for each that ends, with what it failed of. */
  async find(ended: (task: Task, problem?: unknown) => void): Promise<void> {
    const { items } = await this.client.fileTasks(this.group);
    for (const task of items) {
      if (task.state === 'Running' && !this.followed.has(task.id)) {
        void this.follow(task).then(
          () => ended(task),
          problem => ended(task, problem)
        );
      }
    }
  }

  private async look(task: Task): Promise<Task> {
    try {
      return await this.client.fileTask(this.group, task.id);
    } catch (error) {
      if (error instanceof ApiError && error.kind === 'network') {
        return task; // it goes on without us
      }
      throw error;
    }
  }

  private show(task: Task): void {
    const others = this.running.filter(t => t.id !== task.id);
    this.running = [task, ...others];
    this._changed.emit();
  }
}

const VERBS: Record<string, string> = {
  move: 'Moving',
  copy: 'Copying',
  delete: 'Deleting',
  restore: 'Restoring',
  'dataset-copy': 'Copying to a dataset',
  snapshot: 'Making a version of',
  unpack: 'Unpacking'
};

export function verbOf(kind: string): string {
  return VERBS[kind] ?? kind;
}

/** From 0 to 1; null while the service does not know how much there is. */
export function shareOf({ done, total }: Pick<Task, 'done' | 'total'>): number | null {
  if (!total) {
    return null;
  }
  return total.bytes > 0 ? done.bytes / total.bytes : total.files > 0 ? done.files / total.files : null;
}
