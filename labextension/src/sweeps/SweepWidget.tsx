import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import type { Actions } from '../actions';
import { collegiumIcon } from '../icons';
import { SweepView } from './SweepView';

class SweepContent extends ReactWidget {
  constructor(
    private readonly actions: Actions,
    private readonly group: string,
    private readonly sweep: string,
    private readonly onGone: () => void
  ) {
    super();
    this.addClass('clg-main');
  }

  override render(): JSX.Element {
    const { client } = this.actions.session;
    return client ? (
      <SweepView
        actions={this.actions}
        client={client}
        group={this.group}
        id={this.sweep}
        onGone={this.onGone}
      />
    ) : (
      <p className="clg-empty">{this.actions.session.problem}</p>
    );
  }
}

/** The main-area tab of one sweep. */
export class SweepWidget extends MainAreaWidget<SweepContent> {
  constructor(
    actions: Actions,
    readonly group: string,
    readonly sweep: string,
    name: string
  ) {
    super({ content: new SweepContent(actions, group, sweep, () => this.close()) });
    this.toolbar.hide(); // it would be an empty strip
    this.id = `collegium-sweep-${group}-${sweep}`;
    this.title.label = name || sweep;
    this.title.caption = `Sweep ${sweep} of group ${group}`;
    this.title.icon = collegiumIcon;
    this.title.closable = true;
  }
}
