import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { Actions } from './actions';
import { addCommands } from './commands';
import { JobList } from './joblist';
import { LabHost } from './labHost';
import { SidebarWidget } from './panels/SidebarWidget';
import type { Session } from './session';
import { CommandIDs, ICollegium } from './tokens';
import type { JobWidget } from './widgets/JobWidget';

const PLUGIN_ID = '@collegium/lab:plugin';
const CATEGORY = 'Collegium';

/** The sidebar, the tabs of jobs and the form, and the commands for them. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Sidebar with quota and jobs, job tabs, and the form for a new job.',
  autoStart: true,
  requires: [ICollegium],
  optional: [ICommandPalette, ILayoutRestorer, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    collegium: ICollegium,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null
  ): void => {
    // The token's public side is smaller than what our own panels need.
    const session = collegium as Session;
    const actions = new Actions(session, new LabHost(app.commands, app.serviceManager.contents));
    const panel = new SidebarWidget({ jobs: new JobList(session), actions });
    const tracker = new WidgetTracker<JobWidget>({ namespace: 'collegium-job' });

    app.shell.add(panel, 'left', { rank: 650 });
    restorer?.add(panel, panel.id);
    void restorer?.restore(tracker, {
      command: CommandIDs.openJob,
      args: widget => ({ group: widget.model.group, id: widget.model.id, name: widget.title.label }),
      name: widget => `${widget.model.group}/${widget.model.id}`
    });

    addCommands(app, actions, panel, tracker);
    for (const command of [
      CommandIDs.showPanel,
      CommandIDs.newJob,
      CommandIDs.newSchedule,
      CommandIDs.openQueue,
      CommandIDs.openFiles,
      CommandIDs.openDatasets,
      CommandIDs.newDataset,
      CommandIDs.refresh
    ]) {
      palette?.addItem({ command, category: CATEGORY });
    }
    if (settings) {
      void followSettings(settings, session, actions);
    }
  }
};

async function followSettings(registry: ISettingRegistry, session: Session, actions: Actions): Promise<void> {
  try {
    const settings = await registry.load(PLUGIN_ID);
    const read = () => {
      session.pollSeconds = settings.get('pollSeconds').composite as number;
      actions.artifactDirectory = settings.get('artifactDirectory').composite as string;
    };
    settings.changed.connect(read);
    read();
  } catch (error) {
    console.warn('Collegium: settings could not be read, the defaults are used.', error);
  }
}
