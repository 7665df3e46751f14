/** The group's stream of changes: one connection, events gathered so that many at once cost one refresh. */

import type { Client } from './client';

const DEBOUNCE = 400;

/** Something that is not what it was: a job, a schedule, a sweep. */
export interface Change {
  kind: string;
  id: string;
}

export class ChangeStream {
  /** The stream broke and is not yet back. */
  interrupted = false;

  private scope: AbortController | null = null;
  private group = '';
  private lastEventId = '';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly gathered = new Map<string, Change>();

  constructor(
    private readonly client: Client,
    private readonly onChanges: (changes: Change[]) => void,
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
      const { kind, id } = JSON.parse(data) as Partial<Change>;
      if (kind && id) {
        this.gathered.set(`${kind}/${id}`, { kind, id });
      }
    } catch {
      return; // not one of ours
    }
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const changes = [...this.gathered.values()];
      this.gathered.clear();
      this.onChanges(changes);
    }, DEBOUNCE);
  }
}
