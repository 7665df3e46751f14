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
    void app.restored.then(() => begin(session));
    return session;
  }
};

const begun = new WeakSet<Session>();

/** The first contact, unless there was one: after Lab's own start, or as soon as Lab restores a file of ours. */
export function begin(session: Session): void {
  if (!begun.has(session)) {
    begun.add(session);
    void session.connect();
  }
}
