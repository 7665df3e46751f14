import * as React from 'react';

import { usePages } from '../accounts/load';
import { Listed } from '../accounts/parts';
import { FilesView } from '../files/FilesView';
import type { DatasetProps } from './DatasetView';
import { useDatasetNews } from './news';
import { hasFiles, hasVersions, SOURCES } from './sources';
import { pathOf } from './words';

/** Its files as they are now, or as a version has them. */
export function DataTab(
  props: DatasetProps & { version: number | null; onVersion: (version: number | null) => void }
): JSX.Element {
  const { actions, client, group, dataset, onVersion } = props;
  const { name, kind } = dataset;
  const versions = usePages(`versions/${group}/${name}`, cursor =>
    hasVersions(kind) ? client.datasetVersions(group, name, cursor) : Promise.resolve({ items: [] })
  );
  useDatasetNews(actions, versions.reload);
  if (!hasFiles(kind)) {
    return <Elsewhere {...props} />;
  }
  const ready = versions.items?.filter(v => v.state === 'Ready') ?? [];
  // Of a repository nothing is here but what was fetched.
  const nowhere = kind === 'git';
  const version = props.version ?? (nowhere ? (ready[0]?.number ?? null) : null);
  if (nowhere && version === null) {
    return (
      <Listed
        items={versions.items && []}
        problem={versions.problem}
        retry={versions.reload}
        empty="Nothing of the repository is here yet: make a version, and its files are fetched."
      >
        {null}
      </Listed>
    );
  }
  const path = pathOf(name, version);
  return (
    <div data-testid="collegium-dataset-data" data-version={version ?? 'now'}>
      <div className="clg-bar">
        <label className="clg-inline-label">
          Show{' '}
          <select
            className="clg-select"
            data-testid="collegium-dataset-version"
            value={version ?? ''}
            onChange={e => onVersion(e.target.value ? Number(e.target.value) : null)}
          >
            {!nowhere && <option value="">what is in it now</option>}
            {ready.map(v => (
              <option key={v.number} value={v.number}>
                @{v.number}
                {v.note && ` – ${v.note.slice(0, 60)}`}
              </option>
            ))}
          </select>
        </label>
        {versions.more && (
          <button type="button" className="clg-link" onClick={versions.more}>
            Older versions
          </button>
        )}
        {version !== null && <span className="clg-hint">A version never changes.</span>}
      </div>
      <FilesView
        key={path}
        actions={actions}
        client={client}
        group={group}
        root={{ path, title: path.slice(path.indexOf('/') + 1) }}
      />
    </div>
  );
}

/** Files that only servers and jobs can see. */
function Elsewhere({ dataset }: DatasetProps): JSX.Element {
  return (
    <p className="clg-empty" data-testid="collegium-dataset-elsewhere">
      {dataset.kind === 'environment' ? (
        'It holds variables and no files: servers and jobs find them in their environment.'
      ) : (
        <>
          {SOURCES[dataset.kind].title}: its files cannot be looked at here. Servers and jobs find them in{' '}
          <code className="clg-path">{dataset.mounted_at}</code>.
        </>
      )}
    </p>
  );
}
