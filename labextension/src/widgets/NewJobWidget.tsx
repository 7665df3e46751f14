import { MainAreaWidget, Notification, ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import type { Actions } from '../actions';
import type { JobOut } from '../api';
import type { Draft } from '../draft';
import { collegiumIcon } from '../icons';
import { FormModel } from './FormModel';
import { NewJobForm } from './NewJobForm';

class FormContent extends ReactWidget {
  constructor(
    private readonly model: FormModel,
    private readonly formId: string,
    private readonly onSubmitted: (job: JobOut) => void,
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
  constructor(actions: Actions, draft: Draft) {
    const id = `collegium-new-job-${++count}`;
    const submitted = (job: JobOut) => {
      Notification.success(`“${job.name}” was submitted.`, { autoClose: 4000 });
      actions.session.touch(job.id);
      actions.openJob(job);
      this.close();
    };
    super({
      content: new FormContent(new FormModel(actions.session, draft), id, submitted, () => this.close())
    });
    this.toolbar.hide(); // it would be an empty strip
    this.id = id;
    this.title.label = draft.texts.name ? `New job: ${draft.texts.name}` : 'New job';
    this.title.icon = collegiumIcon;
    this.title.closable = true;
  }
}
