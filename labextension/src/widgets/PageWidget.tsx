import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import { collegiumIcon } from '../icons';

class PageContent extends ReactWidget {
  constructor(private readonly draw: () => React.ReactNode) {
    super();
    this.addClass('clg-main');
    this.addClass('clg-scroll');
  }

  override render(): JSX.Element {
    return <>{this.draw()}</>;
  }
}

/** A tab of the main area with one page in it; one of its id is open at a time. */
export class PageWidget extends MainAreaWidget<PageContent> {
  constructor(options: {
    id: string;
    title: string;
    caption?: string;
    draw: (close: () => void) => React.ReactNode;
  }) {
    super({ content: new PageContent(() => options.draw(() => this.close())) });
    this.toolbar.hide(); // it would be an empty strip
    this.id = options.id;
    this.title.label = options.title;
    this.title.caption = options.caption ?? options.title;
    this.title.icon = collegiumIcon;
    this.title.closable = true;
  }
}
