/** The list of jobs that the sidebar shows: filters, pages, refresh. */

import { Signal, type ISignal } from '@lumino/signaling';

import type { JobOut } from './api';
import { messageOf, type JobQuery } from './client';
import type { Session } from './session';

export interface Filters {
  mine: boolean;
  /** Comma-separated states; empty means all. */
  state: string;
  text: string;
}

const PAGE = 20;
/** The service gives no more at once; what lies beyond is fetched with the cursor again. */
const LARGEST = 200;

export class JobList {
  filters: Filters = { mine: false, state: '', text: '' };
  items: JobOut[] = [];
  cursor: string | null = null;
  /** False until the first answer for the present filters. */
  loaded = false;
  busy = false;
  problem = '';

  private readonly _changed = new Signal<this, void>(this);
  private generation = 0;
  private running = false;
  private again = false;
  private group = '';

  constructor(private readonly session: Session) {
    session.jobsChanged.connect(() => void this.refresh());
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  setFilters(change: Partial<Filters>): void {
    this.filters = { ...this.filters, ...change };
    this.reset();
    void this.refresh();
  }

  /** As many of the newest as are shown now; queue positions of all may have changed with one job. */
  async refresh(): Promise<void> {
    const group = this.session.group?.name ?? '';
    if (group !== this.group) {
      this.group = group;
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
      await this.load(Math.min(Math.max(PAGE, this.items.length), LARGEST));
    } while (this.again);
    this.running = false;
  }

  async more(): Promise<void> {
    if (!this.cursor || this.busy) {
      return;
    }
    const generation = this.generation;
    const cursor = this.cursor;
    this.busy = true;
    this._changed.emit();
    try {
      const { client, group } = this.session.require();
      const page = await client.jobs(group, { ...this.query(), limit: PAGE, cursor });
      if (generation === this.generation) {
        const known = new Set(this.items.map(j => j.id));
        this.items = [...this.items, ...page.items.filter(j => !known.has(j.id))];
        this.cursor = page.next_cursor ?? null;
      }
    } catch (error) {
      this.problem = messageOf(error);
    }
    this.busy = false;
    this._changed.emit();
  }

  private async load(limit: number): Promise<void> {
    const generation = this.generation;
    try {
      const { client, group } = this.session.require();
      const page = await client.jobs(group, { ...this.query(), limit });
      if (generation !== this.generation) {
        this.again = true;
        return;
      }
      // Old pages beyond the largest one stay as they are: those jobs ended long ago.
      const fresh = new Set(page.items.map(j => j.id));
      const rest = page.next_cursor && this.items.length > limit ? this.items.slice(limit) : [];
      this.cursor = rest.length > 0 ? this.cursor : (page.next_cursor ?? null);
      this.items = [...page.items, ...rest.filter(j => !fresh.has(j.id))];
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

  private query(): JobQuery {
    const { mine, state, text } = this.filters;
    return {
      user: mine ? this.session.user : undefined,
      state: state || undefined,
      text: text.trim() || undefined
    };
  }

  private reset(): void {
    this.generation++;
    this.items = [];
    this.cursor = null;
    this.loaded = false;
    this.problem = '';
    this._changed.emit();
  }
}
