import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification, ToolbarButton } from '@jupyterlab/apputils';
import { IFileBrowserFactory, Uploader, type FileBrowser } from '@jupyterlab/filebrowser';
import { newFolderIcon, refreshIcon } from '@jupyterlab/ui-components';

import { CollegiumDrive } from './drive/CollegiumDrive';
import { DRIVE, placeOf } from './drive/paths';
import { sharedFilesIcon } from './icons';
import type { Session } from './session';
import { begin } from './sessionPlugin';
import { ICollegium } from './tokens';

/** Shared files open and save in Lab like one's own; a file browser beside Lab's shows them. */
export const drivePlugin: JupyterFrontEndPlugin<void> = {
  id: '@collegium/lab:drive',
  description: 'The groups’ shared files as a drive, and a file browser for it.',
  autoStart: true,
  requires: [ICollegium],
  optional: [IFileBrowserFactory, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    collegium: ICollegium,
    browsers: IFileBrowserFactory | null,
    restorer: ILayoutRestorer | null
  ): void => {
    // The token's public side is smaller than what our own parts need.
    const session = collegium as Session;
    if (!session.client) {
      return; // no hub, no groups
    }
    app.serviceManager.contents.addDrive(
      new CollegiumDrive({
        ready: () => ready(session),
        tell: text => void Notification.info(text, { autoClose: 10_000 })
      })
    );
    if (browsers) {
      const browser = sharedBrowser(browsers, session);
      app.shell.add(browser, 'left', { rank: 651, type: 'File Browser' });
      restorer?.add(browser, browser.id);
    }
  }
};

/** Waits until the service has told which groups there are. Lab's start waits for the tabs that it restores, so this
 *  begins the first contact itself, and does not wait for a service that is away. */
function ready(session: Session): ReturnType<ConstructorParameters<typeof CollegiumDrive>[0]['ready']> {
  return new Promise((done, failed) => {
    const look = () => {
      const { client, context, status, problem } = session;
      if (client && context && status === 'ready') {
        session.changed.disconnect(look);
        done({ client, groups: context.groups.map(group => group.name) });
      } else if (status !== 'loading' && status !== 'ready') {
        session.changed.disconnect(look);
        failed(new Error(problem));
      }
    };
    session.changed.connect(look);
    begin(session);
    look();
  });
}

function sharedBrowser(browsers: IFileBrowserFactory, session: Session): FileBrowser {
  const browser = browsers.createFileBrowser('collegium-shared-files', {
    driveName: DRIVE,
    auto: false,
    restore: false,
    refreshInterval: 30_000
  });
  const { model } = browser;
  browser.title.icon = sharedFilesIcon;
  browser.title.caption = 'Shared files of your groups';
  browser.node.setAttribute('role', 'region');
  browser.node.setAttribute('aria-label', 'Shared files');
  browser.node.dataset.testid = 'collegium-drive';
  browser.toolbar.addItem(
    'new-folder',
    new ToolbarButton({
      icon: newFolderIcon,
      tooltip: 'New folder',
      onClick: () => void browser.createNewDirectory()
    })
  );
  browser.toolbar.addItem('upload', new Uploader({ model }));
  browser.toolbar.addItem(
    'refresh',
    new ToolbarButton({ icon: refreshIcon, tooltip: 'Refresh', onClick: () => void model.refresh() })
  );
  // It starts where one works, and goes along when another group is chosen.
  let chosen = '';
  const follow = () => {
    const group = session.status === 'ready' ? (session.group?.name ?? '') : '';
    const here = placeOf(session.client ? model.path.replace(/^[^:]*:/, '') : '').group;
    if (group && group !== chosen) {
      chosen = group;
      if (here !== group) {
        void model.cd(`/${group}`);
      }
    }
  };
  session.changed.connect(follow);
  follow();
  return browser;
}
