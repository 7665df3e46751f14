import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import type { Actions } from '../actions';
import { collegiumIcon } from '../icons';
import { JobModel } from './JobModel';
import { JobView } from './JobView';

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
