/** The list of jobs: filters, order, what is loaded of it, and what is chosen. It may be long; nothing here draws. */

import { Signal, type ISignal } from '@lumino/signaling';

import type { BulkFilter, JobKind, JobOut, JobPage, JobState } from './api';
import { messageOf, type JobQuery } from './client';
import type { Session } from './session';
import { splice } from './splice';
import type { Span } from './virtual';

export interface Filters {
  /** A user's name; empty is everybody. */
  user: string;
  /** Comma-separated states; empty means all. */
  state: string;
  kind: string;
  tag: string;
  text: string;
  sort: string;
}

export const NO_FILTERS: Filters = { user: '', state: '', kind: '', tag: '', text: '', sort: '-created' };
const PAGE = 50;
/** The service gives no more at once. */
const LARGEST = 200;

export class JobList {
  filters: Filters = NO_FILTERS;
  items: JobOut[] = [];
  cursor: string | null = null;
  /** How many there are, loaded or not; null until it is known. */
  total: number | null = null;
  /** False until the first answer for the present filters. */
  loaded = false;
  busy = false;
  problem = '';
  /** Ids of those chosen for what can be done with many. */
  chosen: ReadonlySet<string> = new Set();
  /** All that fit the filters are chosen, also those that are not loaded. */
  everything = false;

  private readonly _changed = new Signal<this, void>(this);
  private generation = 0;
  private running = false;
  private again = false;
  private group = '';
  private seen: Span = { start: 0, end: 0 };
  /** Where a page ended: the id of its last job, and the cursor for what follows. */
  private readonly marks = new Map<string, string>();

  constructor(private readonly session: Session) {
    session.jobsChanged.connect(this.onJobs, this);
  }

  dispose(): void {
    this.session.jobsChanged.disconnect(this.onJobs, this);
    Signal.clearData(this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Something is asked for beyond the usual order. */
  get filtered(): boolean {
    const { user, state, kind, tag, text } = this.filters;
    return !!(user || state || kind || tag || text.trim());
  }

  setFilters(change: Partial<Filters>): void {
    this.filters = { ...this.filters, ...change };
    this.reset();
    void this.refresh();
  }

  /** What of the list is on the screen: that is kept fresh, and what follows is fetched in time. */
  look(span: Span): void {
    this.seen = span;
    if (span.end > this.items.length - PAGE / 2) {
      void this.more();
    }
  }

  choose(ids: Iterable<string>): void {
    this.chosen = new Set(ids);
    this.everything = false;
    this._changed.emit();
  }

  toggle(id: string): void {
    const chosen = new Set(this.chosen);
    if (!chosen.delete(id)) {
      chosen.add(id);
    }
    this.choose(chosen);
  }

  chooseEverything(): void {
    this.choose(this.items.map(j => j.id));
    this.everything = true;
    this._changed.emit();
  }

  /** The filters as the service takes them. */
  query(): JobQuery {
    const { user, state, kind, tag, text } = this.filters;
    return {
      user: user || undefined,
      state: state || undefined,
      kind: kind || undefined,
      tag: tag || undefined,
      text: text.trim() || undefined
    };
  }

  /** The same filters as they are for many at once. */
  bulkFilter(): BulkFilter {
    const { user, state, kind, tag, text } = this.filters;
    return {
      ...(user && { user }),
      ...(state && { state: state.split(',') as JobState[] }),
      ...(kind && { kind: kind as JobKind }),
      ...(tag && { tag: [tag] }),
      ...(text.trim() && { name: text.trim() })
    };
  }

  /** The newest, and those on the screen; queue positions of all may have changed with one job. */
  async refresh(): Promise<void> {
    const group = this.session.group?.name ?? '';
    if (group !== this.group) {
      this.group = group;
      this.filters = NO_FILTERS;
      this.reset();
    }
    if (!group) {
      return;
    }
    if (this.running) {
      this.again = true; // one more when the present one is done, not one for each event
      return;
    }
    this.running = true;
    do {
      this.again = false;
      await this.fetch(0, undefined, Math.min(Math.max(PAGE, this.items.length), LARGEST));
      const from = this.markBefore(this.seen.start);
      if (this.seen.end > LARGEST && from) {
        await this.fetch(from.index + 1, from.cursor, LARGEST);
      }
    } while (this.again);
    this.running = false;
  }

  /** The next page, if there is one. */
  async more(): Promise<void> {
    const { cursor } = this;
    if (!cursor || this.busy || !this.loaded) {
      return;
    }
    this.busy = true;
    this._changed.emit();
    // Large once somebody scrolls: 10,000 jobs are then 50 requests.
    await this.fetch(this.items.length, cursor, LARGEST);
    this.busy = false;
    this._changed.emit();
  }

  private onJobs(): void {
    void this.refresh();
  }

  /** The last known end of a page above this position. */
  private markBefore(position: number): { index: number; cursor: string } | null {
    for (let index = Math.min(position, this.items.length) - 1; index >= 0; index--) {
      const cursor = this.marks.get(this.items[index].id);
      if (cursor) {
        return { index, cursor };
      }
    }
    return null;
  }

  private async fetch(start: number, cursor: string | undefined, limit: number): Promise<void> {
    const generation = this.generation;
    const first = cursor === undefined;
    try {
      const { client, group } = this.session.require();
      const query = { ...this.query(), sort: this.filters.sort, limit, cursor, total: first || undefined };
      const page = await client.jobs(group, query);
      if (generation !== this.generation) {
        this.again = true;
        return;
      }
      this.take(start, page);
      this.total = first ? (page.total ?? null) : this.total;
      this.problem = '';
      this.loaded = true;
    } catch (error) {
      if (generation !== this.generation) {
        this.again = true;
        return;
      }
      this.problem = messageOf(error);
    }
    this._changed.emit();
  }

  private take(start: number, page: JobPage): void {
    const next = page.next_cursor ?? null;
    const { items, kept } = splice(this.items, start, page.items, next !== null);
    this.items = items;
    this.cursor = kept ? this.cursor : next;
    const last = page.items[page.items.length - 1];
    if (last && next) {
      this.marks.set(last.id, next);
    }
  }

  private reset(): void {
    this.generation++;
    this.items = [];
    this.cursor = null;
    this.total = null;
    this.loaded = false;
    this.problem = '';
    this.seen = { start: 0, end: 0 };
    this.marks.clear();
    this.chosen = new Set();
    this.everything = false;
    this._changed.emit();
  }
}
