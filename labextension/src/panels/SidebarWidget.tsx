import { ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import { collegiumIcon } from '../icons';
import { Sidebar, type PanelProps } from './Sidebar';

/** The panel as Lab's shell wants it. */
export class SidebarWidget extends ReactWidget {
  constructor(private readonly panel: PanelProps) {
    super();
    this.id = 'collegium-panel';
    this.title.icon = collegiumIcon;
    this.title.caption = 'Collegium: your group’s quota and jobs';
    this.addClass('clg-sidebar');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Collegium');
  }

  override render(): JSX.Element {
    return <Sidebar {...this.panel} />;
  }
}
