import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { WidgetTracker } from '@jupyterlab/apputils';
import * as React from 'react';

import type { Actions, JobTab } from './actions';
import { addDatasetCommands } from './datasets/commands';
import { emptyDraft, type Draft } from './draft';
import { FilesView } from './files/FilesView';
import { collegiumIcon } from './icons';
import type { SidebarWidget } from './panels/SidebarWidget';
import { QueuePage } from './queue/QueuePage';
import { ScheduleView } from './schedules/ScheduleView';
import { SweepView } from './sweeps/SweepView';
import { CommandIDs } from './tokens';
import { JobWidget } from './widgets/JobWidget';
import { NewJobWidget } from './widgets/NewJobWidget';
import { PageWidget } from './widgets/PageWidget';

const NO_ARGS = { args: { type: 'object', properties: {} } } as const;
const OBJECT = {
  args: {
    type: 'object',
    required: ['group', 'id'],
    properties: {
      group: { type: 'string', description: 'Name of the group.' },
      id: { type: 'string', description: 'Id of the object.' },
      name: { type: 'string', description: 'Title of the tab.' }
    }
  }
} as const;

/** What can be done from menus, palette and other extensions. */
export function addCommands(
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
  addForms(app, actions);
  app.commands.addCommand(CommandIDs.openJob, {
    label: 'Open Job',
    describedBy: {
      args: {
        ...OBJECT.args,
        properties: {
          ...OBJECT.args.properties,
          tab: { type: 'string', enum: ['log', 'metrics', 'usage', 'details', 'history', 'artifacts'] }
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
  addPages(app, actions);
  addDatasetCommands(app, actions);
  session.changed.connect(() => {
    app.commands.notifyCommandChanged(CommandIDs.newJob);
    app.commands.notifyCommandChanged(CommandIDs.newSchedule);
    app.commands.notifyCommandChanged(CommandIDs.openQueue);
    app.commands.notifyCommandChanged(CommandIDs.openFiles);
  });
}

/** The form: for a job, for a schedule, and for a schedule that is there. */
function addForms(app: JupyterFrontEnd, actions: Actions): void {
  const { session } = actions;
  const show = (widget: NewJobWidget) => {
    app.shell.add(widget, 'main');
    app.shell.activateById(widget.id);
  };
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
    execute: args =>
      show(new NewJobWidget(actions, { ...emptyDraft(), ...(args.draft as Partial<Draft> | undefined) }))
  });
  app.commands.addCommand(CommandIDs.newSchedule, {
    label: 'New Schedule',
    caption: 'Open the form for jobs that run by themselves',
    icon: collegiumIcon,
    describedBy: NO_ARGS,
    isEnabled: () => session.group !== null,
    execute: () => actions.newSchedule()
  });
  app.commands.addCommand(CommandIDs.editSchedule, {
    label: 'Edit Schedule',
    describedBy: OBJECT,
    execute: args =>
      actions.attempt('Cannot read the schedule', async client =>
        show(
          new NewJobWidget(actions, emptyDraft(), await client.schedule(String(args.group), String(args.id)))
        )
      )
  });
}

function addPages(app: JupyterFrontEnd, actions: Actions): void {
  const show = (id: string, title: string, draw: (close: () => void) => React.ReactNode) => {
    if (![...app.shell.widgets('main')].some(widget => widget.id === id)) {
      app.shell.add(new PageWidget({ id, title, draw }), 'main');
    }
    app.shell.activateById(id);
  };
  app.commands.addCommand(CommandIDs.openSchedule, {
    label: 'Open Schedule',
    describedBy: OBJECT,
    execute: args => {
      const [group, id] = [String(args.group), String(args.id)];
      show(`collegium-schedule-${group}-${id}`, String(args.name || id), close => (
        <ScheduleView actions={actions} group={group} id={id} onGone={close} />
      ));
    }
  });
  app.commands.addCommand(CommandIDs.openSweep, {
    label: 'Open Sweep',
    describedBy: OBJECT,
    execute: args => {
      const [group, id] = [String(args.group), String(args.id)];
      const { client } = actions.session;
      show(
        `collegium-sweep-${group}-${id}`,
        String(args.name || id),
        close =>
          client && <SweepView actions={actions} client={client} group={group} id={id} onGone={close} />
      );
    }
  });
  app.commands.addCommand(CommandIDs.openFiles, {
    label: 'Shared Files',
    caption: 'Open the group’s shared files in a tab',
    icon: collegiumIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          group: { type: 'string', description: 'Name of the group; the chosen one without it.' },
          entry: { type: 'string', description: 'Path of a file whose details are shown.' }
        }
      }
    },
    isEnabled: () => actions.session.group !== null,
    execute: args => {
      const { client, group: chosen } = actions.session.require();
      const group = String(args.group ?? chosen);
      const entry = args.entry ? String(args.entry) : undefined;
      show(`collegium-files-${group}${entry ? `-${entry}` : ''}`, entry ?? `Files of ${group}`, () => (
        <FilesView actions={actions} client={client} group={group} entry={entry} />
      ));
    }
  });
  app.commands.addCommand(CommandIDs.openQueue, {
    label: 'Show the Group’s Queue',
    icon: collegiumIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          group: { type: 'string', description: 'Name of the group; the chosen one without it.' }
        }
      }
    },
    isEnabled: () => actions.session.group !== null,
    execute: args => {
      const group = String(args.group ?? actions.session.require().group);
      show(`collegium-queue-${group}`, `Queue of ${group}`, () => (
        <QueuePage actions={actions} group={group} />
      ));
    }
  });
}
