import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import { finish } from './finish';
import type { Actions } from '../actions';
import type { ScheduleDetail } from '../api';
import type { Draft } from '../draft';
import { collegiumIcon } from '../icons';
import { FormModel, type Made } from './FormModel';
import { NewJobForm } from './NewJobForm';

class FormContent extends ReactWidget {
  constructor(
    private readonly model: FormModel,
    private readonly formId: string,
    private readonly onSubmitted: (made: Made) => void,
    private readonly onClose: () => void
  ) {
    super();
    this.addClass('clg-main');
    this.addClass('clg-scroll');
  }

  override render(): JSX.Element {
    return (
      <NewJobForm id={this.formId} model={this.model} onSubmitted={this.onSubmitted} onClose={this.onClose} />
    );
  }

  override dispose(): void {
    this.model.dispose();
    super.dispose();
  }
}

let count = 0;

/** The main-area tab with the form; it closes when the job is accepted, and the job's own tab opens. */
export class NewJobWidget extends MainAreaWidget<FormContent> {
  constructor(actions: Actions, draft: Draft, schedule: ScheduleDetail | null = null) {
    const id = `collegium-new-job-${++count}`;
    const submitted = (made: Made) => {
      finish(actions, made, schedule !== null);
      this.close();
    };
    const model = new FormModel(actions.session, draft, schedule);
    super({ content: new FormContent(model, id, submitted, () => this.close()) });
    this.toolbar.hide(); // it would be an empty strip
    this.id = id;
    const what = draft.when === 'schedule' ? 'schedule' : 'job';
    this.title.label = schedule
      ? `Edit: ${schedule.name}`
      : draft.texts.name
        ? `New ${what}: ${draft.texts.name}`
        : `New ${what}`;
    this.title.icon = collegiumIcon;
    this.title.closable = true;
  }
}
