/** What sends one file, whichever way; the queue decides when. */

import type { Upload } from '../wire';

export interface Sending {
  group: string;
  /** Where the file goes. */
  path: string;
  file: File;
  /** Take the place of what is there. */
  replace: boolean;
  /** The upload that goes on; null begins one. */
  id: string | null;
  signal: AbortSignal;
  /** The service has made this upload. */
  began(id: string): void;
  /** So much has arrived, as far as it is known. */
  progress(sent: number): void;
  /** It waits and tries again by itself, because of this; empty: it goes on. */
  stalled(why: string): void;
}

/** Resolves when the file is where it belongs, rejects with what went wrong, or when the signal says so. */
export type Sender = (sending: Sending) => Promise<void>;

/** Growing pauses between tries, in milliseconds; some three quarters of an hour in all. */
export const PAUSES: readonly number[] = [
  500,
  1000,
  2000,
  4000,
  8000,
  15_000,
  ...Array<number>(80).fill(30_000)
];

export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, failed) => {
    if (signal.aborted) {
      return failed(stopped());
    }
    const stop = () => {
      clearTimeout(timer);
      failed(stopped());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      done();
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
  });
}

export function stopped(): Error {
  return new DOMException('The upload was stopped.', 'AbortError');
}

/** The bytes are there; the service may still be putting the file in its place. */
export async function settled(look: () => Promise<Upload>, signal: AbortSignal): Promise<void> {
  for (let wait = 200; ; wait = Math.min(wait * 1.5, 5000)) {
    const upload = await look();
    if (upload.state === 'Done') {
      return;
    }
    if (upload.state === 'Failed') {
      throw new Error(upload.message || 'The service could not keep the file.');
    }
    await pause(wait, signal);
  }
}
