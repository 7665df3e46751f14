/** Dropped folders, read only as fast as their files go up: they may hold more than a list can. */

import { join } from '../paths';
import type { Dropped } from './drop';

export interface Found {
  group: string;
  path: string;
  /** Null: an empty folder. */
  file: File | null;
  batch: number;
}

interface Source {
  group: string;
  folder: string;
  batch: number;
  of: AsyncIterator<Dropped>;
}

export class Feed {
  private sources: Source[] = [];
  private reading = false;

  constructor(
    private readonly parts: {
      /** May more come? */
      room: () => boolean;
      take: (found: Found) => Promise<void>;
      trouble: (error: unknown) => void;
    }
  ) {}

  /** There is more to come. */
  get open(): boolean {
    return this.sources.length > 0;
  }

  add(group: string, folder: string, batch: number, dropped: AsyncIterable<Dropped>): void {
    this.sources.push({ group, folder, batch, of: dropped[Symbol.asyncIterator]() });
  }

  stop(): void {
    this.sources = [];
  }

  /** Reads until there is enough. */
  async read(): Promise<void> {
    if (this.reading) {
      return;
    }
    this.reading = true;
    while (this.open && this.parts.room()) {
      const [source] = this.sources;
      try {
        await this.step(source);
      } catch (error) {
        this.parts.trouble(error);
        this.end(source);
      }
    }
    this.reading = false;
  }

  private async step(source: Source): Promise<void> {
    const next = await source.of.next();
    if (next.done) {
      this.end(source);
    } else if (this.sources.includes(source)) {
      const { group, folder, batch } = source;
      await this.parts.take({ group, batch, path: join(folder, next.value.path), file: next.value.file });
    }
  }

  private end(source: Source): void {
    this.sources = this.sources.filter(other => other !== source);
  }
}
