import * as React from 'react';

import { useLoad } from '../accounts/load';
import { Listed, Search, Table, Time } from '../accounts/parts';
import type { Actions } from '../actions';
import type { DatasetSummary } from '../api';
import type { Client } from '../client';
import { allDatasets, MOST } from './all';
import { useDatasetNews } from './news';
import { AccessBadge, HealthBadge, Tags } from './parts';
import { SOURCES } from './sources';
import { amount, listed, type DatasetSort, type Whose } from './words';

const SORTS: readonly [DatasetSort, string][] = [
  ['name', 'Name'],
  ['updated', 'Changed last'],
  ['size', 'Largest'],
  ['versions', 'Most versions']
];

/** The datasets that a group owns or was granted. */
export function DatasetsPage(props: { actions: Actions; client: Client; group: string }): JSX.Element {
  const { actions, client, group } = props;
  const { session } = actions;
  const [search, setSearch] = React.useState('');
  const [tag, setTag] = React.useState('');
  const [whose, setWhose] = React.useState<Whose>('');
  const [sort, setSort] = React.useState<DatasetSort>('name');
  const found = useLoad(`datasets/${group}/${search}/${tag}`, () =>
    allDatasets(client, group, { search, tag })
  );
  useDatasetNews(actions, found.reload);
  const items = found.value && listed(found.value.items, { whose, sort });
  const tags = useTags(found.value?.items, tag);
  const denied = session.denied('dataset.create');
  return (
    <div data-testid="collegium-datasets">
      <div className="clg-bar">
        <Search
          label="Search by name or text"
          value={search}
          testid="collegium-datasets-search"
          onSearch={setSearch}
        />
        <select
          className="clg-select"
          aria-label="Tag"
          data-testid="collegium-datasets-tag"
          value={tag}
          onChange={e => setTag(e.target.value)}
        >
          <option value="">Any tag</option>
          {tags.map(one => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
        <select
          className="clg-select"
          aria-label="Whose"
          data-testid="collegium-datasets-whose"
          value={whose}
          onChange={e => setWhose(e.target.value as Whose)}
        >
          <option value="">Own and granted</option>
          <option value="own">Own</option>
          <option value="granted">Granted</option>
        </select>
        <select
          className="clg-select"
          aria-label="Order"
          value={sort}
          onChange={e => setSort(e.target.value as DatasetSort)}
        >
          {SORTS.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
        <span className="clg-spacer" />
        <button
          type="button"
          className="clg-button clg-primary"
          data-testid="collegium-new-dataset"
          disabled={!!denied}
          title={denied || undefined}
          onClick={() => actions.host.open({ what: 'new-dataset', group })}
        >
          New dataset
        </button>
      </div>
      <Listed
        items={items}
        problem={found.problem}
        retry={found.reload}
        empty={
          search || tag || whose
            ? 'No dataset fits the filters.'
            : 'No datasets yet. A dataset has a name, versions that never change, and a record of who used it; servers and jobs find it below /datasets.'
        }
      >
        <Table
          label="Datasets"
          testid="collegium-datasets-table"
          columns={['Name', 'Kind', 'Access', 'Source', 'Size', 'Versions', 'Changed']}
        >
          {items?.map(dataset => (
            <Row key={dataset.name} dataset={dataset} actions={actions} group={group} />
          ))}
        </Table>
        {found.value?.more && (
          <p className="clg-hint">The first {MOST.toLocaleString('en')}; the search finds the others.</p>
        )}
      </Listed>
    </div>
  );
}

/** The tags that were seen; the one that is chosen stays in the list. */
function useTags(items: readonly DatasetSummary[] | undefined, chosen: string): string[] {
  const seen = React.useRef(new Set<string>());
  items?.forEach(d => d.tags.forEach(tag => seen.current.add(tag)));
  return [...new Set([...seen.current, ...(chosen ? [chosen] : [])])].sort();
}

function Row(props: { dataset: DatasetSummary; actions: Actions; group: string }): JSX.Element {
  const { dataset, actions, group } = props;
  const title = dataset.display_name || dataset.name;
  return (
    <tr data-dataset={dataset.name}>
      <td>
        <button
          type="button"
          className="clg-link clg-dataset-name"
          onClick={() => actions.host.open({ what: 'dataset', group, name: dataset.name })}
        >
          {title}
        </button>
        {title !== dataset.name && (
          <div>
            <code className="clg-hint">{dataset.name}</code>
          </div>
        )}
        {dataset.description && <p className="clg-hint clg-one-line">{dataset.description}</p>}
        <Tags tags={dataset.tags} />
      </td>
      <td>{SOURCES[dataset.kind].title}</td>
      <td className="clg-number">
        <AccessBadge access={dataset.access} />
        <div className="clg-hint">{dataset.mine ? 'own' : `of ${dataset.owner ?? 'the platform'}`}</div>
      </td>
      <td>
        <HealthBadge health={dataset.health} />
      </td>
      <td className="clg-number">{amount(dataset) ?? <span className="clg-hint">–</span>}</td>
      <td className="clg-number">
        {dataset.versions === 0 ? (
          <span className="clg-hint">none</span>
        ) : (
          `${dataset.versions}, latest @${dataset.latest_version ?? '–'}`
        )}
      </td>
      <td className="clg-when">
        <Time at={dataset.updated_at} />
      </td>
    </tr>
  );
}
