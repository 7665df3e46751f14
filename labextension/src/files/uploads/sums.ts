/** Checksums of the pieces of a file, each worked out while the one before it is on its way. */

import { ApiError } from '../../http';

/** Larger pieces get none: they must be in memory for that, and the next one with them. */
const LARGEST = 16 * 1024 * 1024;

export class Sums {
  private ahead: { start: number; end: number; sum: Promise<string> } | null = null;

  constructor(private readonly file: Blob) {}

  /** `sha256 <base64>` of a piece; empty where the browser can compute none: on pages without a secure origin. */
  async of(start: number, end: number): Promise<string> {
    if (!globalThis.crypto?.subtle || end - start > LARGEST) {
      return '';
    }
    const known = this.ahead?.start === start && this.ahead.end === end ? this.ahead.sum : null;
    const sum = await (known ?? this.compute(start, end));
    // Most pieces are as large as the one before.
    const next = { start: end, end: Math.min(this.file.size, 2 * end - start) };
    this.ahead = next.end > next.start ? { ...next, sum: this.compute(next.start, next.end) } : null;
    this.ahead?.sum.catch(() => undefined); // whoever asks for it hears of it
    return sum;
  }

  private async compute(start: number, end: number): Promise<string> {
    const digest = await crypto.subtle.digest('SHA-256', await readable(this.file, start, end));
    return `sha256 ${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
  }
}

/** Throws if the file is no longer what was chosen: a request that cannot read it looks like a broken network. */
export async function readable(file: Blob, start: number, end: number): Promise<ArrayBuffer> {
  try {
    return await file.slice(start, end).arrayBuffer();
  } catch {
    throw new ApiError(
      'refused',
      'The file cannot be read any more: it was changed, moved or deleted meanwhile.'
    );
  }
}
