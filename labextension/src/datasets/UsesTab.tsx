import * as React from 'react';

import { usePages } from '../accounts/load';
import { Badge, Listed, More, Table, Time } from '../accounts/parts';
import type { DatasetProps } from './DatasetView';
import { useDatasetNews } from './news';
import { AccessBadge, UseLink } from './parts';
import { isLive } from './words';

const KINDS: readonly [string, string][] = [
  ['', 'Servers, jobs and deployments'],
  ['server', 'Servers'],
  ['job', 'Jobs'],
  ['deployment', 'Deployments']
];

/** Lineage: which workload had which version. */
export function UsesTab({ actions, client, group, dataset }: DatasetProps): JSX.Element {
  const { name } = dataset;
  const [kind, setKind] = React.useState('');
  const [version, setVersion] = React.useState('');
  const page = usePages(`uses/${group}/${name}/${kind}/${version}`, cursor =>
    client.datasetUses(group, name, { kind, version: version ? Number(version) : undefined, cursor })
  );
  useDatasetNews(actions, page.reload);
  const { jobsChanged } = actions.session;
  const again = React.useRef(page.reload);
  again.current = page.reload;
  React.useEffect(() => {
    const slot = () => again.current();
    jobsChanged.connect(slot);
    return () => {
      jobsChanged.disconnect(slot);
    };
  }, [jobsChanged]);
  return (
    <div data-testid="collegium-uses">
      <div className="clg-bar">
        <select
          className="clg-select"
          aria-label="What used it"
          value={kind}
          onChange={e => setKind(e.target.value)}
        >
          {KINDS.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
        <select
          className="clg-select"
          aria-label="Which version"
          value={version}
          onChange={e => setVersion(e.target.value)}
        >
          <option value="">Any version</option>
          {numbers(dataset.latest_version).map(n => (
            <option key={n} value={n}>
              @{n}
            </option>
          ))}
        </select>
        {!dataset.mine && <span className="clg-hint">What other groups did is for its owner to see.</span>}
      </div>
      <Listed
        items={page.items}
        problem={page.problem}
        retry={page.reload}
        empty={kind || version ? 'No use fits the filters.' : 'Nothing has used it yet.'}
      >
        <Table label="Uses" columns={['What', 'Version', 'User', 'Group', 'Access', 'Since', 'Until']}>
          {page.items?.map(use => (
            <tr
              key={`${use.kind}/${use.id}/${use.at}`}
              data-testid="collegium-use-row"
              data-id={use.id}
              data-version={use.version ?? 'now'}
            >
              <td>
                <span className="clg-hint">{use.kind}</span> <UseLink use={use} actions={actions} />
              </td>
              <td className="clg-number">{use.version === null ? 'as it was' : `@${use.version}`}</td>
              <td>{use.user}</td>
              <td>{use.group}</td>
              <td>
                <AccessBadge access={use.access} />
              </td>
              <td className="clg-when">
                <Time at={use.at} />
              </td>
              <td className="clg-when">
                {isLive(use) ? <Badge word="has it now" tone="good" /> : <Time at={use.ended_at} />}
              </td>
            </tr>
          ))}
        </Table>
        <More more={page.more} busy={page.busy} />
      </Listed>
    </div>
  );
}

/** The newest hundred; older ones are found on their pages. */
function numbers(latest: number | null): number[] {
  return Array.from({ length: Math.min(latest ?? 0, 100) }, (_, i) => latest! - i);
}
