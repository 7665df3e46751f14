import * as React from 'react';

import { useLoad } from '../accounts/load';
import { Badge, Problem } from '../accounts/parts';
import type { Actions } from '../actions';
import type { DatasetDetail } from '../api';
import type { Client } from '../client';
import type { DatasetTab } from '../host';
import { useSignal } from '../hooks';
import { AccessTab } from './AccessTab';
import { Copying } from './Copying';
import { DataTab } from './DataTab';
import { InformationTab } from './InformationTab';
import { useDatasetNews } from './news';
import { AccessBadge, CopyText, HealthBadge, Tags } from './parts';
import { hasVersions, SOURCES } from './sources';
import { UsesTab } from './UsesTab';
import { VersionsTab } from './VersionsTab';
import { addresses, amount } from './words';

const TABS: readonly [DatasetTab, string][] = [
  ['data', 'Data'],
  ['versions', 'Versions'],
  ['uses', 'Uses'],
  ['access', 'Access'],
  ['information', 'Information']
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
  useDatasetNews(actions, reload);
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
  const rest: DatasetProps = { actions, client, group, dataset: value, reload };
  return (
    <div className="clg-dataset" data-testid="collegium-dataset" data-dataset={name}>
      <Header {...rest} version={tab === 'data' ? version : null} />
      <Problem of={problem} retry={reload} />
      {props.copying && <Copying client={client} group={group} id={props.copying} onDone={reload} />}
      <Tabs tab={tab} onTab={show} name={name} />
      <div
        className="clg-dataset-panel"
        role="tabpanel"
        id={`clg-dataset-panel-${name}`}
        aria-labelledby={`clg-dataset-tab-${name}-${tab}`}
      >
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
          <dd>{amount(dataset) ?? 'not counted'}</dd>
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

function Tabs(props: { tab: DatasetTab; name: string; onTab: (tab: DatasetTab) => void }): JSX.Element {
  const { tab, name, onTab } = props;
  const buttons = React.useRef<Partial<Record<DatasetTab, HTMLButtonElement | null>>>({});
  const onKey = (event: React.KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step) {
      const at = TABS.findIndex(([id]) => id === tab);
      const next = TABS[(at + step + TABS.length) % TABS.length][0];
      onTab(next);
      buttons.current[next]?.focus();
      event.preventDefault();
    }
  };
  return (
    <div className="clg-tabs" role="tablist" aria-label="Parts of the dataset" onKeyDown={onKey}>
      {TABS.map(([id, label]) => (
        <button
          key={id}
          ref={node => {
            buttons.current[id] = node;
          }}
          type="button"
          role="tab"
          id={`clg-dataset-tab-${name}-${id}`}
          aria-selected={id === tab}
          aria-controls={`clg-dataset-panel-${name}`}
          tabIndex={id === tab ? 0 : -1}
          className="clg-tab"
          data-testid={`collegium-dataset-tab-${id}`}
          onClick={() => onTab(id)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
