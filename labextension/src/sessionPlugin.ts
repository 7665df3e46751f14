import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { readHubPage } from './client';
import { Session } from './session';
import { ICollegium } from './tokens';

/** Talks to the service; everything else of this extension, and other extensions, build on it. */
export const sessionPlugin: JupyterFrontEndPlugin<ICollegium> = {
  id: '@collegium/lab:session',
  description: 'The Collegium session: the user, the groups and the chosen group.',
  autoStart: true,
  provides: ICollegium,
  activate: (app: JupyterFrontEnd): Session => {
    const session = new Session(readHubPage());
    // Lab's own start comes first.
    void app.restored.then(() => session.connect());
    return session;
  }
};
