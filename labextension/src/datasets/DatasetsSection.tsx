import * as React from 'react';

import { useLoad } from '../accounts/load';
import { Listed } from '../accounts/parts';
import type { Actions } from '../actions';
import type { DatasetSummary } from '../api';
import { allDatasets } from './all';
import { useDatasetNews } from './news';
import { AccessBadge, HealthBadge } from './parts';
import { amount, listed } from './words';

/** The group's datasets in the sidebar. */
export function DatasetsSection({ actions }: { actions: Actions }): JSX.Element {
  const { client, group } = actions.session.require();
  const found = useLoad(`datasets/${group}//`, () => allDatasets(client, group));
  useDatasetNews(actions, found.reload);
  const [text, setText] = React.useState('');
  const wanted = text.trim().toLowerCase();
  const all = found.value && listed(found.value.items, { whose: '', sort: 'name' });
  const items =
    all?.filter(d => [d.name, d.display_name, ...d.tags].some(word => word.toLowerCase().includes(wanted))) ??
    null;
  return (
    <div data-testid="collegium-datasets">
      {(all?.length ?? 0) > 5 && (
        <div className="clg-filters clg-filters-short">
          <input
            type="search"
            className="clg-input"
            aria-label="Search datasets by name or tag"
            placeholder="Search by name or tag"
            value={text}
            onChange={e => setText(e.target.value)}
          />
        </div>
      )}
      <Listed
        items={items}
        problem={found.problem}
        retry={found.reload}
        empty={wanted ? 'No dataset fits.' : 'No datasets yet.'}
      >
        <ul className="clg-plain-list" aria-label="Datasets">
          {items?.map(dataset => (
            <Row key={dataset.name} dataset={dataset} actions={actions} group={group} />
          ))}
        </ul>
      </Listed>
    </div>
  );
}

function Row(props: { dataset: DatasetSummary; actions: Actions; group: string }): JSX.Element {
  const { dataset, actions, group } = props;
  const { health } = dataset;
  const holds = amount(dataset);
  return (
    <li className="clg-schedule" data-testid="collegium-dataset-row" data-dataset={dataset.name}>
      <div className="clg-job-head">
        <button
          type="button"
          className="clg-job-name"
          title={dataset.description || dataset.name}
          onClick={() => actions.host.open({ what: 'dataset', group, name: dataset.name })}
        >
          {dataset.display_name || dataset.name}
        </button>
        <AccessBadge access={dataset.access} />
      </div>
      <div className="clg-job-facts">
        {holds && <span>{holds}</span>}
        <span>{dataset.latest_version === null ? 'no version' : `latest @${dataset.latest_version}`}</span>
        {!dataset.mine && <span>of {dataset.owner ?? 'the platform'}</span>}
      </div>
      {(health.state === 'missing' || health.state === 'broken') && (
        <p className="clg-job-why">
          <HealthBadge health={health} />
        </p>
      )}
    </li>
  );
}
