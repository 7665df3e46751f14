/** Follows one job's log into a buffer; can pause while nobody looks, and goes on where it stopped. */

import { Signal, type ISignal } from '@lumino/signaling';

import { messageOf, type Client } from './client';
import { bytes } from './format';
import { LogBuffer } from './log';
import type { SseEvent } from './sse';

/** Drawing for every event would be too often when a job prints much. */
const FRAME = 100;

interface LogData {
  text: string;
  offset: number;
  gap?: number;
}

export class LogFollower {
  buffer = new LogBuffer();
  ended = false;
  broken = false;
  problem = '';

  private readonly _changed = new Signal<this, void>(this);
  private scope: AbortController | null = null;
  private lastEventId = '';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private started = false;

  constructor(
    private readonly client: Client,
    private readonly group: string,
    private readonly id: string,
    private readonly onEnd: () => void
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Goes on after the last event that was seen; does nothing when it runs or has ended. */
  resume(): void {
    if (this.scope || this.ended) {
      return;
    }
    const scope = (this.scope = new AbortController());
    void this.client
      .followLog(this.group, this.id, {
        signal: scope.signal,
        lastEventId: this.lastEventId,
        onEvent: event => this.onEvent(event),
        onState: (state, error) => {
          this.broken = state === 'broken' && !this.ended;
          this.problem = error ? messageOf(error) : '';
          this.draw();
        }
      })
      .finally(() => {
        if (this.scope === scope) {
          this.scope = null;
        }
      });
  }

  /** Lets the connection go; a browser has few of them for one host. */
  pause(): void {
    this.scope?.abort();
    this.scope = null;
  }

  dispose(): void {
    this.pause();
    clearTimeout(this.timer);
    Signal.clearData(this);
  }

  private onEvent(event: SseEvent): void {
    this.lastEventId = event.id || this.lastEventId;
    let data: unknown;
    try {
      data = JSON.parse(event.data);
    } catch {
      return; // not one of ours
    }
    if (event.event === 'log') {
      const { text, gap, offset } = data as LogData;
      if (gap) {
        this.buffer.mark(`${bytes(gap)} (${gap} bytes) were dropped here`);
      } else if (!this.started && offset > 0) {
        this.buffer.mark(`the log before byte ${offset} is not shown`);
      }
      this.started = true;
      this.buffer.append(text);
    } else if (event.event === 'attempt') {
      this.started = true;
      this.buffer.mark(`attempt ${(data as { attempt: number }).attempt}`);
    } else if (event.event === 'end') {
      const { state, message } = data as { state: string; message: string };
      this.buffer.mark(`the job ended: ${state}${message ? ` – ${message}` : ''}`);
      this.ended = true;
      this.broken = false;
      this.pause();
      this.onEnd();
    }
    this.draw();
  }

  private draw(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this._changed.emit();
    }, FRAME);
  }
}
