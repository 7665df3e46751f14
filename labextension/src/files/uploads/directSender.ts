/** Uploads straight to an object store, in parts of which several go at once, by addresses that the service signs. */

import type { FileCalls } from '../../fileCalls';
import { ApiError } from '../../http';
import { pause, PAUSES, settled, stopped, type Sender, type Sending } from './sender';

/** Parts under way at once; browsers allow six connections to a host. */
const AT_ONCE = 4;

type Calls = Pick<FileCalls, 'upload' | 'beginDirect' | 'partUrls' | 'completeDirect'>;
/** Sends one part; tells how much of it has gone. */
export type PutPart = (
  url: string,
  part: Blob,
  signal: AbortSignal,
  progress: (sent: number) => void
) => Promise<number>;

export function directSender(client: Calls, put: PutPart = putPart): Sender {
  return sending => new DirectRun(client, put, sending).run();
}

class DirectRun {
  private readonly sent = new Map<number, number>();
  private id = '';
  private partSize = 0;

  constructor(
    private readonly client: Calls,
    private readonly put: PutPart,
    private readonly sending: Sending
  ) {}

  async run(): Promise<void> {
    const { client, sending } = this;
    const { file, group, signal } = sending;
    const missing = await this.begin();
    // One that fails for good stops the others.
    const failed = new AbortController();
    const stop = () => failed.abort();
    signal.addEventListener('abort', stop, { once: true });
    const lane = async () => {
      for (let number = missing.shift(); number !== undefined; number = missing.shift()) {
        await this.part(number, failed.signal);
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
    } catch (error) {
      failed.abort();
      throw signal.aborted ? stopped() : error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
    const upload = await client.completeDirect(group, this.id);
    if (upload.state !== 'Done') {
      await settled(() => client.upload(group, this.id), signal);
    }
    sending.progress(file.size);
  }

  /** Numbers of the parts that the store does not have. */
  private async begin(): Promise<number[]> {
    const { client, sending } = this;
    const { file, group, path, replace } = sending;
    const upload = sending.id
      ? await client.upload(group, sending.id)
      : await client.beginDirect(group, { path, size: file.size, replace });
    this.id = upload.id;
    this.partSize = upload.part_size ?? file.size;
    sending.began(upload.id);
    const all = Array.from({ length: upload.parts ?? 1 }, (_, index) => index + 1);
    const there = new Set(upload.received ?? []);
    for (const number of there) {
      this.sent.set(number, this.slice(number).size);
    }
    this.tell();
    return all.filter(number => !there.has(number));
  }

  private slice(number: number): Blob {
    return this.sending.file.slice((number - 1) * this.partSize, number * this.partSize);
  }

  private tell(): void {
    this.sending.progress([...this.sent.values()].reduce((sum, n) => sum + n, 0));
  }

  /** Until it is there; each try has an address of its own, for they end. */
  private async part(number: number, signal: AbortSignal): Promise<void> {
    const { client, sending } = this;
    const blob = this.slice(number);
    for (const wait of [...PAUSES, -1]) {
      let why = 'The connection to the store is lost.';
      try {
        const { items } = await client.partUrls(sending.group, this.id, [number]);
        const status = await this.put(items[0].url, blob, signal, sent => {
          this.sent.set(number, sent);
          this.tell();
        });
        if (status >= 200 && status < 300) {
          this.sent.set(number, blob.size);
          sending.stalled('');
          return this.tell();
        }
        why = `The store answers with HTTP ${status}.`;
      } catch (error) {
        if (signal.aborted || (error instanceof ApiError && error.kind !== 'network')) {
          throw error;
        }
      }
      this.sent.delete(number);
      if (wait < 0) {
        throw new Error(why);
      }
      sending.stalled(why);
      await pause(wait, signal);
    }
  }
}

/** By XMLHttpRequest, which tells how far it is; another host gets no cookies, and no token of ours. */
function putPart(
  url: string,
  part: Blob,
  signal: AbortSignal,
  progress: (sent: number) => void
): Promise<number> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open('PUT', url);
    request.upload.onprogress = event => progress(event.loaded);
    request.onload = () => done(request.status);
    request.onerror = () => failed(new Error('The connection to the store is lost.'));
    request.onabort = () => failed(stopped());
    request.onloadend = () => signal.removeEventListener('abort', stop);
    signal.addEventListener('abort', stop, { once: true });
    request.send(part);
  });
}
