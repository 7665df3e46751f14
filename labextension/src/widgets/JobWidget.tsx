import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import * as React from 'react';

import type { Actions, JobTab } from '../actions';
import type { JobDetail } from '../api';
import { ApiError, messageOf } from '../client';
import { LogFollower } from '../follower';
import { isFinal } from '../format';
import { collegiumIcon } from '../icons';
import { JobView } from './JobView';

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
    Signal.clearData(this);
  }

  private onJobs(_: unknown, id: string | null): void {
    // The general refresh (null) is for lists; an ended job does not change any more.
    if (id === this.id || (id === null && !(this.job && isFinal(this.job.state)))) {
      void this.refresh();
    }
  }
}

class JobContent extends ReactWidget {
  constructor(readonly model: JobModel) {
    super();
    this.addClass('clg-main');
  }

  override render(): JSX.Element {
    return <JobView model={this.model} />;
  }

  override dispose(): void {
    this.model.dispose();
    super.dispose();
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.model.setVisible(true);
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.model.setVisible(this.isVisible);
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.model.setVisible(false);
  }
}

/** The main-area tab of one job. */
export class JobWidget extends MainAreaWidget<JobContent> {
  readonly model: JobModel;

  constructor(actions: Actions, group: string, id: string, name: string) {
    const model = new JobModel(actions, group, id);
    super({ content: new JobContent(model) });
    this.model = model;
    this.toolbar.hide(); // it would be an empty strip
    this.id = `collegium-job-${group}-${id}`;
    this.title.label = name || id;
    this.title.caption = `Job ${id} of group ${group}`;
    this.title.icon = collegiumIcon;
    this.title.closable = true;
    model.changed.connect(() => {
      this.title.label = model.job?.name ?? this.title.label;
    });
  }
}
