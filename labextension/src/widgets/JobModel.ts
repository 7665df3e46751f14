import { Signal } from '@lumino/signaling';

import type { Actions, JobTab } from '../actions';
import type { JobDetail } from '../api';
import { ApiError, messageOf } from '../client';
import { LogFollower } from '../follower';
import { isFinal } from '../format';

/** State of one job's tab; the React tree below only draws it. */
export class JobModel {
  job: JobDetail | null = null;
  problem = '';
  missing = false;
  tab: JobTab = 'log';
  private visible = false;
  readonly log: LogFollower | null;
  readonly changed = new Signal<this, void>(this);

  constructor(
    readonly actions: Actions,
    readonly group: string,
    readonly id: string
  ) {
    const { client } = actions.session;
    this.log = client ? new LogFollower(client, group, id, () => void this.refresh()) : null;
    actions.session.jobsChanged.connect(this.onJobs, this);
    void this.refresh();
  }

  show(tab: JobTab): void {
    this.tab = tab;
    this.changed.emit();
  }

  async refresh(): Promise<void> {
    const { client } = this.actions.session;
    if (!client) {
      return;
    }
    try {
      this.job = await client.job(this.group, this.id);
      this.problem = '';
      this.follow();
    } catch (error) {
      this.problem = messageOf(error);
      this.missing = error instanceof ApiError && error.status === 404;
    }
    this.changed.emit();
  }

  /** The log is followed only while somebody can see the tab. */
  setVisible(visible: boolean): void {
    this.visible = visible;
    this.follow();
  }

  private follow(): void {
    if (this.visible) {
      this.log?.resume();
    } else {
      this.log?.pause();
    }
  }

  dispose(): void {
    this.visible = false;
    this.log?.dispose();
    this.actions.session.jobsChanged.disconnect(this.onJobs, this);
    Signal.clearData(this);
  }

  private onJobs(_: unknown, id: string | null): void {
    // The general refresh (null) is for lists; an ended job does not change any more.
    if (id === this.id || (id === null && !(this.job && isFinal(this.job.state)))) {
      void this.refresh();
    }
  }
}
