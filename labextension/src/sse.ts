/** Server-sent events over fetch: EventSource cannot send an Authorization header. */

export interface SseEvent {
  /** `message` when the server names none. */
  event: string;
  data: string;
  /** The last id seen on the connection, as the standard has it. */
  id: string;
}

/** Turns chunks of text into events. Chunks may break anywhere, even between CR and LF. */
export class SseParser {
  private rest = '';
  private afterCr = false;
  private first = true;
  private data: string[] = [];
  private event = '';
  private id: string;

  constructor(lastEventId = '') {
    this.id = lastEventId;
  }

  /** The events that this chunk completes. */
  push(chunk: string): SseEvent[] {
    const events: SseEvent[] = [];
    if (this.first && chunk.length > 0) {
      this.first = false;
      if (chunk.charCodeAt(0) === 0xfeff) {
        chunk = chunk.slice(1);
      }
    }
    if (this.afterCr && chunk.length > 0) {
      // The line ended with the last chunk's CR; a LF here belongs to it.
      this.afterCr = false;
      if (chunk[0] === '\n') {
        chunk = chunk.slice(1);
      }
    }
    const text = this.rest + chunk;
    let start = 0;
    for (let i = this.rest.length; i < text.length; i++) {
      const c = text[i];
      if (c !== '\n' && c !== '\r') {
        continue;
      }
      const done = this.line(text.slice(start, i));
      if (done) {
        events.push(done);
      }
      if (c === '\r') {
        if (i + 1 === text.length) {
          this.afterCr = true;
        } else if (text[i + 1] === '\n') {
          i++;
        }
      }
      start = i + 1;
    }
    this.rest = text.slice(start);
    return events;
  }

  private line(line: string): SseEvent | null {
    if (line === '') {
      const { data, event } = this;
      this.data = [];
      this.event = '';
      return data.length > 0 ? { event: event || 'message', data: data.join('\n'), id: this.id } : null;
    }
    const colon = line.indexOf(':');
    if (colon === 0) {
      return null; // a comment: the heartbeat
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) {
      value = value.slice(1);
    }
    if (field === 'data') {
      this.data.push(value);
    } else if (field === 'event') {
      this.event = value;
    } else if (field === 'id' && !value.includes('\0')) {
      this.id = value;
    }
    return null;
  }
}

/** Milliseconds to wait before try number `n` (from 0): 1, 2, 4 … 30 s, a little spread so that clients part. */
export function backoff(n: number, random: () => number = Math.random): number {
  const full = Math.min(30_000, 1000 * 2 ** Math.min(n, 10));
  return Math.round(full * (0.75 + 0.25 * random()));
}

export interface FollowOptions {
  /** Opens the stream; throws, or answers with a body to read. */
  open: (lastEventId: string, signal: AbortSignal) => Promise<Response>;
  onEvent: (event: SseEvent) => void;
  /** Told when the connection stands and when it broke. */
  onState?: (state: 'open' | 'broken', error?: unknown) => void;
  /** True for an answer after which trying again is useless (for example: no such job). */
  isFinal?: (error: unknown) => boolean;
  lastEventId?: string;
  signal: AbortSignal;
  /** A silent connection is taken for dead after this long; the service beats every 15 s. */
  silence?: number;
}

/** Keeps a stream open until the signal aborts; resumes after the last event that was handled. */
export async function follow(options: FollowOptions): Promise<void> {
  const { signal } = options;
  let lastEventId = options.lastEventId ?? '';
  let failures = 0;
  while (!signal.aborted) {
    try {
      await readOnce(options, lastEventId, event => {
        failures = 0;
        lastEventId = event.id;
        options.onEvent(event);
      });
      if (!signal.aborted) {
        options.onState?.('broken');
      }
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      options.onState?.('broken', error);
      if (options.isFinal?.(error)) {
        return;
      }
    }
    await sleep(backoff(failures++), signal);
  }
}

async function readOnce(
  options: FollowOptions,
  lastEventId: string,
  onEvent: (event: SseEvent) => void
): Promise<void> {
  const connection = new AbortController();
  const stop = () => connection.abort();
  options.signal.addEventListener('abort', stop);
  let timer = setTimeout(stop, options.silence ?? 45_000);
  try {
    const response = await options.open(lastEventId, connection.signal);
    options.onState?.('open');
    if (!response.body) {
      return;
    }
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new SseParser(lastEventId);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      clearTimeout(timer);
      timer = setTimeout(stop, options.silence ?? 45_000);
      for (const event of parser.push(decoder.decode(value, { stream: true }))) {
        onEvent(event);
        if (options.signal.aborted) {
          return;
        }
      }
    }
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', stop);
    connection.abort();
  }
}

/** Resolves after the time, or at once when the signal aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
