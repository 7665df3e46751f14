import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { Actions, type JobTab } from './actions';
import { emptyDraft, type Draft } from './draft';
import { collegiumIcon } from './icons';
import { JobList } from './joblist';
import { SidebarWidget } from './panels/SidebarWidget';
import type { Session } from './session';
import { CommandIDs, ICollegium } from './tokens';
import { JobWidget } from './widgets/JobWidget';
import { NewJobWidget } from './widgets/NewJobWidget';

const PLUGIN_ID = '@collegium/lab:plugin';
const CATEGORY = 'Collegium';
const NO_ARGS = { args: { type: 'object', properties: {} } } as const;

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
    const actions = new Actions(session, app.commands, app.serviceManager.contents);
    const panel = new SidebarWidget({ session, jobs: new JobList(session), actions });
    const tracker = new WidgetTracker<JobWidget>({ namespace: 'collegium-job' });

    app.shell.add(panel, 'left', { rank: 650 });
    restorer?.add(panel, panel.id);
    void restorer?.restore(tracker, {
      command: CommandIDs.openJob,
      args: widget => ({ group: widget.model.group, id: widget.model.id, name: widget.title.label }),
      name: widget => `${widget.model.group}/${widget.model.id}`
    });

    addCommands(app, actions, panel, tracker);
    for (const command of [CommandIDs.showPanel, CommandIDs.newJob, CommandIDs.refresh]) {
      palette?.addItem({ command, category: CATEGORY });
    }
    if (settings) {
      void followSettings(settings, session, actions);
    }
  }
};

function addCommands(
  app: JupyterFrontEnd,
  actions: Actions,
  panel: SidebarWidget,
  tracker: WidgetTracker<JobWidget>
): void {
  const { session } = actions;
  app.commands.addCommand(CommandIDs.showPanel, {
    label: 'Show Groups and Jobs',
    caption: 'Show the panel with the group’s quota and jobs',
    icon: collegiumIcon,
    describedBy: NO_ARGS,
    execute: () => app.shell.activateById(panel.id)
  });
  app.commands.addCommand(CommandIDs.refresh, {
    label: 'Refresh Quota and Jobs',
    describedBy: NO_ARGS,
    execute: () => session.refresh()
  });
  app.commands.addCommand(CommandIDs.newJob, {
    label: 'New Job',
    caption: 'Open the form for a new job in the chosen group',
    icon: collegiumIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: { draft: { type: 'object', description: 'Values to start from; all may be absent.' } }
      }
    },
    isEnabled: () => session.group !== null,
    execute: args => {
      const widget = new NewJobWidget(actions, {
        ...emptyDraft(),
        ...(args.draft as Partial<Draft> | undefined)
      });
      app.shell.add(widget, 'main');
      app.shell.activateById(widget.id);
    }
  });
  app.commands.addCommand(CommandIDs.openJob, {
    label: 'Open Job',
    describedBy: {
      args: {
        type: 'object',
        required: ['group', 'id'],
        properties: {
          group: { type: 'string', description: 'Name of the group.' },
          id: { type: 'string', description: 'Id of the job.' },
          name: { type: 'string', description: 'Title of the tab until the job is known.' },
          tab: { type: 'string', enum: ['log', 'details', 'history', 'artifacts'] }
        }
      }
    },
    execute: args => {
      const [group, id] = [String(args.group), String(args.id)];
      let widget = tracker.find(w => w.model.group === group && w.model.id === id);
      if (!widget) {
        widget = new JobWidget(actions, group, id, String(args.name ?? ''));
        void tracker.add(widget);
        app.shell.add(widget, 'main');
      }
      if (args.tab) {
        widget.model.show(args.tab as JobTab);
      }
      app.shell.activateById(widget.id);
      return widget;
    }
  });
  session.changed.connect(() => app.commands.notifyCommandChanged(CommandIDs.newJob));
}

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
