/** Datasets of a group in the portal: each part has an address. */

import * as React from 'react';

import type { Actions } from '../actions';
import type { Client } from '../client';
import { DatasetsPage } from '../datasets/DatasetsPage';
import { DatasetView } from '../datasets/DatasetView';
import { NewDataset } from '../datasets/NewDataset';
import type { DatasetTab } from '../host';
import type { PortalHost } from './host';
import { go } from './route';

export function DatasetPages(props: {
  actions: Actions;
  client: Client;
  group: string;
  host: PortalHost;
  /** A new one, or the list, or one of them. */
  create: boolean;
  id?: string;
  part?: string;
}): JSX.Element {
  const { actions, client, group, host, id } = props;
  const toList = () => go({ page: 'group', group, tab: 'datasets' });
  if (props.create) {
    return (
      <NewDataset
        actions={actions}
        client={client}
        group={group}
        draft={host.dataset}
        onMade={({ name, copying }) =>
          host.open({ what: 'dataset', group, name, copying: copying ?? undefined })
        }
        onClose={toList}
      />
    );
  }
  return id ? (
    <div className="clg-card">
      <DatasetView
        key={id}
        actions={actions}
        client={client}
        group={group}
        name={id}
        tab={props.part as DatasetTab | undefined}
        copying={host.copying}
        onTab={part => go({ page: 'group', group, tab: 'datasets', id, part })}
        onGone={toList}
      />
    </div>
  ) : (
    <DatasetsPage actions={actions} client={client} group={group} />
  );
}
