import * as React from 'react';

import { useLoad } from '../accounts/load';
import { Badge, Problem } from '../accounts/parts';
import type { Actions } from '../actions';
import type { DatasetDetail } from '../api';
import type { Client } from '../client';
import type { DatasetTab } from '../host';
import { age } from '../format';
import { useNow, useSignal } from '../hooks';
import { tabId, Tabs, type Tab } from '../widgets/Tabs';
import { AccessTab } from './AccessTab';
import { Copying } from './Copying';
import { DataTab } from './DataTab';
import { InformationTab } from './InformationTab';
import { FILE_NEWS, useDatasetNews } from './news';
import { AccessBadge, CopyText, HealthBadge, Tags } from './parts';
import { hasVersions, SOURCES } from './sources';
import { UsesTab } from './UsesTab';
import { VersionsTab } from './VersionsTab';
import { addresses, amount } from './words';

const TABS: readonly Tab<DatasetTab>[] = [
  { id: 'data', title: 'Data' },
  { id: 'versions', title: 'Versions' },
  { id: 'uses', title: 'Uses' },
  { id: 'access', title: 'Access' },
  { id: 'information', title: 'Information' }
];

export interface DatasetProps {
  actions: Actions;
  client: Client;
  group: string;
  dataset: DatasetDetail;
  reload: () => void;
}

/** One dataset as a group sees it. */
export function DatasetView(props: {
  actions: Actions;
  client: Client;
  group: string;
  name: string;
  tab?: DatasetTab;
  /** Id of the copy that was begun when it was made. */
  copying?: string;
  /** Where the tab is part of an address. */
  onTab?: (tab: DatasetTab) => void;
  onGone: () => void;
}): JSX.Element {
  const { actions, client, group, name, onTab } = props;
  useSignal(actions.session.changed);
  const { value, problem, reload } = useLoad(`dataset/${group}/${name}`, () => client.dataset(group, name));
  useDatasetNews(actions, reload, FILE_NEWS);
  const [tab, setTab] = React.useState<DatasetTab>(props.tab ?? 'data');
  const [version, setVersion] = React.useState<number | null>(null);
  React.useEffect(() => setTab(props.tab ?? 'data'), [props.tab]);
  const show = (next: DatasetTab) => {
    setTab(next);
    onTab?.(next);
  };
  if (!value) {
    return problem ? (
      <Problem of={problem} retry={reload} />
    ) : (
      <p className="clg-hint" role="status">
        Loading …
      </p>
    );
  }
  const id = `clg-dataset-${name}`;
  const rest: DatasetProps = { actions, client, group, dataset: value, reload };
  return (
    <div className="clg-dataset" data-testid="collegium-dataset" data-dataset={name}>
      <Header {...rest} version={tab === 'data' ? version : null} />
      <Problem of={problem} retry={reload} />
      {props.copying && <Copying client={client} group={group} id={props.copying} onDone={reload} />}
      <Tabs
        id={id}
        label="Parts of the dataset"
        tabs={TABS}
        chosen={tab}
        testid="collegium-dataset-tab"
        onTab={show}
      />
      <div className="clg-dataset-panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={tabId(id, tab)}>
        {tab === 'data' && <DataTab {...rest} version={version} onVersion={setVersion} />}
        {tab === 'versions' && (
          <VersionsTab
            {...rest}
            onFiles={number => {
              setVersion(number);
              show('data');
            }}
          />
        )}
        {tab === 'uses' && <UsesTab {...rest} />}
        {tab === 'access' && <AccessTab {...rest} />}
        {tab === 'information' && <InformationTab {...rest} onGone={props.onGone} />}
      </div>
    </div>
  );
}

function Header(props: DatasetProps & { version: number | null }): JSX.Element {
  const { dataset, group, version } = props;
  return (
    <header className="clg-dataset-head">
      <div className="clg-job-title">
        <h2>{dataset.display_name || dataset.name}</h2>
        <AccessBadge access={dataset.access} />
        <HealthBadge health={dataset.health} />
        {dataset.managed_by === 'file' && <Badge word="catalog file" />}
        <Tags tags={dataset.tags} />
      </div>
      {dataset.description && <p className="clg-dataset-text">{dataset.description}</p>}
      <dl className="clg-facts">
        <div>
          <dt>Kind</dt>
          <dd>{SOURCES[dataset.kind].title}</dd>
        </div>
        <div>
          <dt>Owner</dt>
          <dd>{dataset.mine ? 'this group' : (dataset.owner ?? 'the platform')}</dd>
        </div>
        <div>
          <dt>Holds</dt>
          <dd>
            {amount(dataset) ?? 'not counted'} <Counted dataset={dataset} />
          </dd>
        </div>
        {hasVersions(dataset.kind) && (
          <div>
            <dt>Versions</dt>
            <dd>{dataset.versions || 'none yet'}</dd>
          </div>
        )}
        {dataset.licence && (
          <div>
            <dt>Licence</dt>
            <dd>{dataset.licence}</dd>
          </div>
        )}
      </dl>
      <dl className="clg-where" aria-label="Where it is found" data-testid="collegium-dataset-where">
        {addresses(group, dataset, version).map(({ label, text }) => (
          <React.Fragment key={label}>
            <dt>{label}</dt>
            <dd>
              <CopyText text={text} label={label} />
            </dd>
          </React.Fragment>
        ))}
      </dl>
    </header>
  );
}

/** The service counts in the background, so that the figure may be older than what was done just now. */
function Counted({ dataset }: { dataset: DatasetDetail }): JSX.Element | null {
  const now = useNow(30_000);
  const at = dataset.kind === 'managed' && dataset.size !== null ? dataset.health.checked_at : null;
  return at ? <span className="clg-hint">counted {age(at, now)}</span> : null;
}
