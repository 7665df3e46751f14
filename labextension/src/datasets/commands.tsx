/** Datasets as commands of JupyterLab: the list, one of them, and the form for a new one. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import * as React from 'react';

import type { Actions } from '../actions';
import type { DatasetTab } from '../host';
import { collegiumIcon } from '../icons';
import { CommandIDs } from '../tokens';
import { PageWidget } from '../widgets/PageWidget';
import { DatasetsPage } from './DatasetsPage';
import { DatasetView } from './DatasetView';
import type { DatasetDraft } from './draft';
import { NewDataset } from './NewDataset';

const OBJECT = (properties: Record<string, { type: string; description: string }>) => ({
  args: { type: 'object', properties }
});

export function addDatasetCommands(app: JupyterFrontEnd, actions: Actions): void {
  const { session } = actions;
  const chosen = () => session.group !== null;
  const show = (id: string, title: string, draw: (close: () => void) => React.ReactNode) => {
    if (![...app.shell.widgets('main')].some(widget => widget.id === id)) {
      app.shell.add(
        new PageWidget({ id, title, draw: close => <div className="clg-pad">{draw(close)}</div> }),
        'main'
      );
    }
    app.shell.activateById(id);
  };
  app.commands.addCommand(CommandIDs.openDatasets, {
    label: 'Datasets',
    caption: 'Open the group’s datasets in a tab',
    icon: collegiumIcon,
    describedBy: OBJECT({
      group: { type: 'string', description: 'Name of the group; the chosen one without it.' }
    }),
    isEnabled: chosen,
    execute: args => {
      const { client, group: current } = session.require();
      const group = String(args.group ?? current);
      show(`collegium-datasets-${group}`, `Datasets of ${group}`, () => (
        <DatasetsPage actions={actions} client={client} group={group} />
      ));
    }
  });
  app.commands.addCommand(CommandIDs.openDataset, {
    label: 'Open Dataset',
    describedBy: OBJECT({
      name: { type: 'string', description: 'Name of the dataset.' },
      group: { type: 'string', description: 'Name of the group; the chosen one without it.' },
      tab: { type: 'string', description: 'data, versions, uses, access or information.' }
    }),
    isEnabled: chosen,
    execute: args => {
      const { client, group: current } = session.require();
      const [group, name] = [String(args.group ?? current), String(args.name)];
      show(`collegium-dataset-${group}-${name}`, name, close => (
        <DatasetView
          actions={actions}
          client={client}
          group={group}
          name={name}
          tab={args.tab as DatasetTab | undefined}
          copying={args.copying ? String(args.copying) : undefined}
          onGone={close}
        />
      ));
    }
  });
  app.commands.addCommand(CommandIDs.newDataset, {
    label: 'New Dataset',
    caption: 'Open the form for a new dataset of the chosen group',
    icon: collegiumIcon,
    describedBy: OBJECT({
      group: { type: 'string', description: 'Name of the group; the chosen one without it.' },
      draft: { type: 'object', description: 'Values to start from; all may be absent.' }
    }),
    isEnabled: chosen,
    execute: args => {
      const { client, group: current } = session.require();
      const group = String(args.group ?? current);
      const draft = args.draft as Partial<DatasetDraft> | undefined;
      // Each form is its own: what was begun elsewhere is not lost.
      show(`collegium-new-dataset-${Date.now()}`, `New dataset in ${group}`, close => (
        <NewDataset
          actions={actions}
          client={client}
          group={group}
          draft={draft}
          onMade={({ name, copying }) => {
            close();
            actions.host.open({ what: 'dataset', group, name, copying: copying ?? undefined });
          }}
          onClose={close}
        />
      ));
    }
  });
  session.changed.connect(() => {
    for (const id of [CommandIDs.openDatasets, CommandIDs.newDataset]) {
      app.commands.notifyCommandChanged(id);
    }
  });
}
