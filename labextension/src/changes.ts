/** The group's stream of changes: one connection, events gathered so that many at once cost one refresh. */

import type { Client } from './client';

const DEBOUNCE = 400;

export class ChangeStream {
  /** The stream broke and is not yet back. */
  interrupted = false;

  private scope: AbortController | null = null;
  private group = '';
  private lastEventId = '';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private jobs = new Set<string>();

  constructor(
    private readonly client: Client,
    private readonly onChanges: (jobs: string[]) => void,
    private readonly onState: () => void
  ) {}

  /** Follows the group; goes on where it stopped if it is the same one as before. */
  start(group: string): void {
    this.stop();
    if (group !== this.group) {
      this.group = group;
      this.lastEventId = '';
    }
    const scope = (this.scope = new AbortController());
    const stream = this.client.followEvents(group, {
      signal: scope.signal,
      lastEventId: this.lastEventId,
      onState: state => {
        if (!scope.signal.aborted && this.interrupted !== (state === 'broken')) {
          this.interrupted = state === 'broken';
          this.onState();
        }
      },
      onEvent: event => {
        this.lastEventId = event.id || this.lastEventId;
        this.gather(event.data);
      }
    });
    void stream.finally(() => {
      if (this.scope === scope) {
        this.scope = null;
      }
    });
  }

  stop(): void {
    this.scope?.abort();
    this.scope = null;
  }

  /** False after the service refused the stream, and while it is stopped. */
  get running(): boolean {
    return this.scope !== null;
  }

  private gather(data: string): void {
    try {
      const change = JSON.parse(data) as { kind?: string; id?: string };
      if (change.kind === 'job' && change.id) {
        this.jobs.add(change.id);
      }
    } catch {
      return; // not one of ours
    }
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const jobs = [...this.jobs];
      this.jobs.clear();
      this.onChanges(jobs);
    }, DEBOUNCE);
  }
}
