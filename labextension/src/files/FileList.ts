/** One folder, or what a search below it found: order, what is loaded of it, and what is chosen. It may be endless. */

import { Signal, type ISignal } from '@lumino/signaling';

import { messageOf } from '../client';
import type { FileCalls, FileQuery } from '../fileCalls';
import type { Span } from '../virtual';
import { clicked, kept, moved, NOTHING, toggled, type Keys, type Selection } from './selection';
import type { Entry, Listing } from './wire';

export type Sort = NonNullable<FileQuery['sort']>;

const PAGE = 200;
/** So many entries are asked for again when something has changed; what is below comes when it is scrolled to. */
const FRESH = 1000;

export class FileList {
  path = '';
  sort: Sort = 'name';
  descending = false;
  search = '';
  items: Entry[] = [];
  cursor: string | null = null;
  writable = false;
  /** False until the first answer for this folder, order and search. */
  loaded = false;
  busy = false;
  problem: unknown = null;
  selection: Selection = NOTHING;

  private readonly _changed = new Signal<this, void>(this);
  private scope = new AbortController();
  private keys: string[] = [];
  private seen: Span = { start: 0, end: 0 };
  private refreshing: Promise<void> | null = null;
  private again = false;

  constructor(
    private readonly client: Pick<FileCalls, 'files'>,
    readonly group: string
  ) {}

  dispose(): void {
    this.scope.abort();
    Signal.clearData(this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get chosen(): Entry[] {
    return this.items.filter(e => this.selection.chosen.has(e.path));
  }

  open(path: string): Promise<void> {
    this.path = path;
    this.search = '';
    return this.restart();
  }

  order(sort: Sort): Promise<void> {
    // Large and new things are looked for first; names from the start.
    this.descending = sort === this.sort ? !this.descending : sort !== 'name';
    this.sort = sort;
    return this.restart();
  }

  find(search: string): Promise<void> {
    this.search = search.trim();
    return this.restart();
  }

  /** What of the list is on the screen: what follows it is fetched in time. */
  look(span: Span): void {
    this.seen = span;
    if (span.end > this.items.length - PAGE / 2) {
      void this.more();
    }
  }

  click(index: number, held: Keys): void {
    this.select(clicked(this.selection, this.keys, index, held));
  }

  toggle(index: number): void {
    this.select(toggled(this.selection, this.keys, index));
  }

  move(to: number, shift: boolean): void {
    this.select(moved(this.selection, this.keys, to, shift));
  }

  /** The focus has gone to this row by itself, as with a click on what is in it; ranges start where they did. */
  reached(index: number): void {
    if (index !== this.selection.at) {
      this.select({ ...this.selection, at: index });
    }
  }

  /** All that is loaded, or nothing. */
  chooseAll(all: boolean): void {
    this.select({ ...this.selection, chosen: new Set(all ? this.keys : []) });
  }

  choose(paths: Iterable<string>): void {
    const chosen = new Set(paths);
    const at = Math.max(
      0,
      this.keys.findIndex(key => chosen.has(key))
    );
    this.select({ chosen, at, anchor: at });
  }

  /** The next page, if there is one. */
  async more(): Promise<void> {
    const { cursor } = this;
    if (!cursor || this.busy || this.refreshing || !this.loaded) {
      return;
    }
    this.busy = true;
    this._changed.emit();
    const page = await this.fetch(cursor);
    if (page) {
      this.busy = false;
      this.replace([...this.items, ...page.items], page.next_cursor ?? null);
      this._changed.emit();
    }
  }

  /** Asks again for what was loaded, as far as it makes sense; what is far below stays as it was. */
  refresh(): Promise<void> {
    if (this.refreshing) {
      // What is being read may be older than what is asked for: whoever asks waits for the look after it.
      this.again = true;
      return this.refreshing;
    }
    this.refreshing = this.read();
    return this.refreshing;
  }

  private async read(): Promise<void> {
    do {
      this.again = false;
      const fresh: Entry[] = [];
      const until = Math.min(FRESH, this.items.length);
      let page: Listing | null;
      do {
        page = await this.fetch(fresh.length > 0 ? (page!.next_cursor ?? undefined) : undefined);
        fresh.push(...(page?.items ?? []));
      } while (page?.next_cursor && page.items.length > 0 && fresh.length < until);
      if (page) {
        const next = page.next_cursor ?? null;
        const below = next === null ? [] : this.items.slice(fresh.length);
        this.replace([...fresh, ...below], below.length > 0 ? this.cursor : next);
        this.writable = page.writable;
        this.loaded = true;
        this._changed.emit();
      }
    } while (this.again);
    this.refreshing = null;
    if (this.seen.end > this.items.length) {
      void this.more();
    }
  }

  /** These are gone; no need to wait until the service says so. */
  forget(paths: Iterable<string>): void {
    const gone = new Set(paths);
    this.replace(
      this.items.filter(e => !gone.has(e.path)),
      this.cursor
    );
    this._changed.emit();
  }

  private select(selection: Selection): void {
    this.selection = selection;
    this._changed.emit();
  }

  private async restart(): Promise<void> {
    this.scope.abort();
    this.scope = new AbortController();
    this.replace([], null);
    this.selection = NOTHING;
    this.seen = { start: 0, end: 0 };
    this.loaded = false;
    this.busy = false;
    this.problem = null;
    this._changed.emit();
    await this.refresh();
  }

  /** One page; null if it failed, or came too late for what is shown now. */
  private async fetch(cursor?: string): Promise<Listing | null> {
    const { signal } = this.scope;
    const { path, sort, descending, search } = this;
    try {
      const page = await this.client.files(
        this.group,
        { path, sort, descending: descending || undefined, search: search || undefined, limit: PAGE, cursor },
        signal
      );
      this.problem = signal.aborted ? this.problem : null;
      return signal.aborted ? null : page;
    } catch (error) {
      if (!signal.aborted) {
        this.busy = false;
        this.problem = error;
        this._changed.emit();
      }
      return null;
    }
  }

  private replace(items: Entry[], cursor: string | null): void {
    const seen = new Set<string>();
    // A page may repeat what moved between two requests.
    this.items = items.filter(e => !seen.has(e.path) && seen.add(e.path));
    this.cursor = cursor;
    const keys = this.items.map(e => e.path);
    this.selection = kept(this.selection, this.keys, keys);
    this.keys = keys;
  }

  /** What went wrong, in words. */
  get trouble(): string {
    return this.problem ? messageOf(this.problem) : '';
  }
}
