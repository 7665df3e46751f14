/** What this browser remembers of uploads that were begun, so that the same file goes on after a restart. */

import { ApiError } from '../../http';

const PREFIX = 'collegium:upload:';
/** Bytes at each end of a file that tell it from another of the same name and size. */
const SAMPLE = 256 * 1024;

export interface Begun {
  id: string;
  mtime: number;
  /** SHA-256 of both ends; empty where the browser cannot compute it. */
  sample: string;
}

export interface Key {
  user: string;
  group: string;
  path: string;
  size: number;
}

export class Memory {
  constructor(
    private readonly storage: () => Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> = () => localStorage
  ) {}

  private name(key: Key): string {
    return PREFIX + JSON.stringify([key.user, key.group, key.path, key.size]);
  }

  /** Null too where the browser keeps nothing. */
  find(key: Key): Begun | null {
    try {
      const found = JSON.parse(this.storage().getItem(this.name(key)) ?? 'null') as Begun | null;
      return found && typeof found.id === 'string' ? found : null;
    } catch {
      return null;
    }
  }

  keep(key: Key, begun: Begun): void {
    try {
      this.storage().setItem(this.name(key), JSON.stringify(begun));
    } catch {
      return; // the service still lists it; only the check of the file is lost
    }
  }

  forget(key: Key): void {
    try {
      this.storage().removeItem(this.name(key));
    } catch {
      return;
    }
  }
}

/** What is remembered of this file, to know it again. */
export async function marksOf(file: File): Promise<Omit<Begun, 'id'>> {
  return { mtime: file.lastModified, sample: await sampleOf(file) };
}

async function sampleOf(file: Blob): Promise<string> {
  // Only pages of a secure origin may compute digests.
  if (!globalThis.crypto?.subtle) {
    return '';
  }
  const ends = new Blob([file.slice(0, SAMPLE), file.slice(Math.max(SAMPLE, file.size - SAMPLE))]);
  return hex(await crypto.subtle.digest('SHA-256', await ends.arrayBuffer()));
}

export function hex(digest: ArrayBuffer): string {
  return Array.from(new Uint8Array(digest), byte => byte.toString(16).padStart(2, '0')).join('');
}

/** Throws if this file is not the one that was begun; what is not known of it is not held against it. */
export function checkSame(file: Pick<File, 'name'>, now: Omit<Begun, 'id'>, then: Begun | null): void {
  const known = then !== null && then.sample !== '' && now.sample !== '';
  if (then && (known ? then.sample !== now.sample : then.mtime !== now.mtime)) {
    throw new ApiError(
      'refused',
      `“${file.name}” has changed since the upload began. Cancel the unfinished upload to begin anew.`
    );
  }
}
