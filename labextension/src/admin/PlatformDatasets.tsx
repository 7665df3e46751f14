import * as React from 'react';

import { usePages } from '../accounts/load';
import { Badge, Listed, More, Search, Table } from '../accounts/parts';
import type { PlatformDataset } from '../api';
import type { Client } from '../client';
import { HealthBadge, Tags } from '../datasets/parts';
import { SOURCES, sourceText } from '../datasets/sources';
import { amount } from '../datasets/words';

/** All datasets, for those who run the platform. */
export function PlatformDatasets({ client }: { client: Client }): JSX.Element {
  const [search, setSearch] = React.useState('');
  const page = usePages(`all-datasets/${search}`, cursor => client.allDatasets({ search, cursor }));
  return (
    <>
      <div className="clg-bar">
        <Search
          label="Search by name or text"
          value={search}
          testid="collegium-all-datasets-search"
          onSearch={setSearch}
        />
        <span className="clg-spacer" />
        <a className="clg-button clg-primary" href="#/new-dataset" data-testid="collegium-define-dataset">
          New dataset
        </a>
      </div>
      <Listed
        items={page.items}
        problem={page.problem}
        retry={page.reload}
        empty={search ? 'No dataset fits.' : 'There is no dataset yet.'}
      >
        <Table
          label="Datasets of the platform"
          testid="collegium-all-datasets"
          columns={['Name', 'Source', 'Health', 'Owner', 'Groups', 'Size', 'Used by']}
        >
          {page.items?.map(dataset => (
            <Row key={dataset.name} dataset={dataset} />
          ))}
        </Table>
        <More more={page.more} busy={page.busy} />
      </Listed>
    </>
  );
}

function Row({ dataset }: { dataset: PlatformDataset }): JSX.Element {
  const { name, kind } = dataset;
  const title = dataset.display_name || name;
  return (
    <tr data-dataset={name}>
      <td>
        <a href={`#/datasets/${encodeURIComponent(name)}`}>{title}</a>
        {title !== name && (
          <div>
            <code className="clg-hint">{name}</code>
          </div>
        )}
        {dataset.deleting && <Badge word="being deleted" tone="warn" />}
        <Tags tags={dataset.tags} />
      </td>
      <td>
        {SOURCES[kind].title}
        {kind !== 'managed' && <div className="clg-hint clg-path">{sourceText(kind, dataset.source)}</div>}
      </td>
      <td>
        <HealthBadge health={dataset.health} />
      </td>
      <td>
        {dataset.owner ?? <span className="clg-hint">the platform</span>}
        {dataset.managed_by === 'file' && <div className="clg-hint">catalog file</div>}
      </td>
      <td>{grantWords(dataset)}</td>
      <td className="clg-number">{amount(dataset) ?? <span className="clg-hint">–</span>}</td>
      <td className="clg-number">{dataset.used_by || <span className="clg-hint">nothing now</span>}</td>
    </tr>
  );
}

/** The owner has it anyway. */
function grantWords({ grants, owner }: PlatformDataset): React.ReactNode {
  const others = grants.filter(g => g.group !== owner);
  return others.length === 0 ? (
    <span className="clg-hint">{owner ? 'its owner' : 'nobody'}</span>
  ) : (
    others.map(g => `${g.group === '*' ? 'every group' : g.group} (${g.access})`).join(', ')
  );
}
