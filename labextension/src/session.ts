/** Who we are at the service, which group is chosen, and what is known of it. Panels draw this; it draws nothing. */

import { Signal, type ISignal } from '@lumino/signaling';

import type * as api from './api';
import { ChangeStream, type Change } from './changes';
import { ApiError, Client, messageOf, type HubPage } from './client';
import { firstGroup, remember } from './remember';
import { backoff, sleep } from './sse';
import type { ICollegium } from './tokens';

/** `ready` even while the event stream is broken: polling goes on. */
export type Status = 'loading' | 'ready' | 'no-hub' | 'unavailable' | 'outdated' | 'login' | 'error';

export class Session implements ICollegium {
  status: Status = 'loading';
  /** What to tell the user in any state but `ready`. */
  problem = '';
  context: api.ContextOut | null = null;
  group: api.GroupRef | null = null;
  /** What the user may do in the group; null until it is known. */
  rights: api.GroupOut | null = null;
  usage: api.UsageOut | null = null;
  usageProblem = '';
  pollSeconds = 30;
  readonly client: Client | null;

  private readonly _changed = new Signal<this, void>(this);
  private readonly _jobsChanged = new Signal<this, string | null>(this);
  private readonly _objectsChanged = new Signal<this, Change | null>(this);
  private connection: AbortController | null = null;
  private groupScope: AbortController | null = null;
  private readonly stream: ChangeStream | null;

  constructor(private readonly page: HubPage | null) {
    this.client = page ? new Client(page) : null;
    this.stream =
      this.client &&
      new ChangeStream(
        this.client,
        changes => this.onChanges(changes),
        () => this._changed.emit()
      );
    // A hidden browser tab needs no stream; browsers allow few connections to one host.
    document.addEventListener('visibilitychange', this.onVisibility);
  }

  /** Something that panels draw has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The job with this id may have changed; null: any of them. */
  get jobsChanged(): ISignal<this, string | null> {
    return this._jobsChanged;
  }

  /** This schedule or sweep may have changed; null: any of them. */
  get objectsChanged(): ISignal<this, Change | null> {
    return this._objectsChanged;
  }

  /** Live updates broke and are not yet back; polling goes on. */
  get interrupted(): boolean {
    return this.stream?.interrupted ?? false;
  }

  get user(): string {
    return this.context?.user.name ?? this.page?.user ?? '';
  }

  /** The client and the group's name, for callers that can do nothing without them. */
  require(): { client: Client; group: string } {
    if (!this.client || !this.group) {
      throw new ApiError('refused', this.problem || 'No group is chosen.');
    }
    return { client: this.client, group: this.group.name };
  }

  /** First contact, tried again with growing pauses while the service does not answer. */
  async connect(group?: string): Promise<void> {
    this.leave();
    const scope = (this.connection = new AbortController());
    if (!this.client) {
      return this.set(
        'no-hub',
        'JupyterHub did not start this JupyterLab, so here are no groups and no jobs.'
      );
    }
    this.set(this.status === 'unavailable' ? 'unavailable' : 'loading', this.problem);
    for (let n = 0; !scope.signal.aborted; n++) {
      try {
        await this.client.checkVersion();
        const context = await this.client.context();
        if (!scope.signal.aborted) {
          this.context = context;
          this.set('ready', '');
          this.choose(firstGroup(context, [group ?? this.group?.name, this.page?.serverName]));
        }
        return;
      } catch (error) {
        if (scope.signal.aborted || !this.fail(error)) {
          return;
        }
      }
      await sleep(backoff(n + 1), scope.signal);
    }
  }

  dispose(): void {
    this.leave();
    document.removeEventListener('visibilitychange', this.onVisibility);
    Signal.clearData(this);
  }

  /** Chooses a group by name; unknown names are ignored. */
  selectGroup(name: string): void {
    const group = this.context?.groups.find(g => g.name === name) ?? null;
    if (group) {
      remember(this.user, group.name);
      this.choose(group);
    }
  }

  /** Why the operation is not allowed here, or empty; also empty while it is not known, the service decides. */
  denied(operation: string): string {
    const permission = this.rights?.operations[operation];
    return permission && !permission.allowed ? permission.reason || 'This is not allowed to you here.' : '';
  }

  /** Own jobs, and everybody's for those who lead the group. */
  mayCancel(job: { user: string }): boolean {
    const leads = this.group?.role === 'admin' || !!this.context?.user.platform_admin;
    return (job.user === this.user || leads) && !this.denied('job.cancel');
  }

  /** Fetches everything that is shown again, the list of groups too. */
  async refresh(): Promise<void> {
    if (this.status !== 'ready') {
      return this.connect();
    }
    await Promise.all([this.refreshContext(), this.refreshUsage()]);
    this.emitAll();
  }

  /** A job, or another thing, was changed from here; do not wait for the stream to say so. */
  touch(id: string | null, kind = 'job'): void {
    this.onChanges([{ kind, id: id ?? '' }]);
  }

  private onChanges(changes: Change[]): void {
    for (const change of changes) {
      if (change.kind === 'job') {
        this._jobsChanged.emit(change.id || null);
      } else {
        this._objectsChanged.emit(change);
      }
    }
    void this.refreshUsage();
  }

  private emitAll(): void {
    this._jobsChanged.emit(null);
    this._objectsChanged.emit(null);
  }

  private leave(): void {
    this.connection?.abort();
    this.groupScope?.abort();
    this.stream?.stop();
  }

  private set(status: Status, problem: string): void {
    this.status = status;
    this.problem = problem;
    this._changed.emit();
  }

  /** Shows what went wrong; true if trying again by itself makes sense. */
  private fail(error: unknown): boolean {
    const kind = error instanceof ApiError ? error.kind : 'server';
    const forbidden = error instanceof ApiError && error.status === 403;
    if (kind === 'network') {
      this.set('unavailable', messageOf(error));
      return true;
    }
    if (kind === 'login' || forbidden) {
      this.set('login', messageOf(error));
    } else {
      this.set(kind === 'outdated' ? 'outdated' : 'error', messageOf(error));
    }
    return false;
  }

  private choose(group: api.GroupRef | null): void {
    this.groupScope?.abort();
    this.stream?.stop();
    this.groupScope = new AbortController();
    if (group?.name !== this.group?.name) {
      this.usage = null;
      this.rights = null;
    }
    this.group = group;
    this._changed.emit();
    this.emitAll();
    if (group) {
      void this.refreshUsage();
      void this.refreshRights();
      void this.poll(this.groupScope.signal);
      this.openStream();
    }
  }

  private async refreshContext(): Promise<void> {
    if (!this.client) {
      return;
    }
    try {
      this.context = await this.client.context();
      const current = this.context.groups.find(g => g.name === this.group?.name);
      if (current) {
        this.group = current;
        this._changed.emit();
      } else {
        // Membership ended, or the first group was just given.
        this.choose(this.context.groups[0] ?? null);
      }
    } catch (error) {
      if (this.fail(error)) {
        void this.connect();
      }
    }
  }

  private async refreshRights(): Promise<void> {
    const name = this.group?.name;
    if (this.client && name) {
      try {
        const rights = await this.client.group(name);
        if (this.group?.name === name) {
          this.rights = rights;
          this._changed.emit();
        }
      } catch {
        return; // only greys out buttons; without it the service still refuses what is not allowed
      }
    }
  }

  private async refreshUsage(): Promise<void> {
    const name = this.group?.name;
    if (!this.client || !name) {
      return;
    }
    try {
      const usage = await this.client.usage(name);
      if (this.group?.name === name) {
        this.usage = usage;
        this.usageProblem = '';
      }
    } catch (error) {
      if (this.group?.name === name) {
        this.usageProblem = messageOf(error);
      }
    }
    this._changed.emit();
  }

  private async poll(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(this.pollSeconds * 1000, signal);
      if (!signal.aborted && !document.hidden) {
        await this.refreshContext();
        if (signal.aborted) {
          return;
        }
        await this.refreshUsage();
        this.emitAll();
        if (!this.stream?.running) {
          this.openStream(); // it was refused before; the reason may be gone
        }
      }
    }
  }

  private openStream(): void {
    if (this.group && !document.hidden) {
      this.stream?.start(this.group.name);
    }
  }

  private readonly onVisibility = (): void => {
    if (document.hidden) {
      this.stream?.stop();
    } else if (this.status === 'ready') {
      this.openStream();
      void this.refresh();
    }
  };
}
