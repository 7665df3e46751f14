import * as React from 'react';

import type { Actions } from '../actions';
import type { JobDetail } from '../api';
import { gotText } from './chosen';
import { AccessBadge } from './parts';

/** The datasets of a job: which version it got, where it found it, and what it had to do without. */
export function JobDatasets({ job, actions }: { job: JobDetail; actions: Actions }): JSX.Element | null {
  const datasets = job.datasets ?? [];
  if (datasets.length === 0) {
    return null;
  }
  return (
    <>
      <h3>Datasets</h3>
      <table className="clg-table" data-testid="collegium-job-datasets">
        <thead>
          <tr>
            {['Dataset', 'What it got', 'Access', 'Where'].map(title => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {datasets.map(dataset => (
            <tr key={dataset.name} data-dataset={dataset.name} data-version={dataset.version ?? 'now'}>
              <td>
                <button
                  type="button"
                  className="clg-link"
                  onClick={() => actions.host.open({ what: 'dataset', group: job.group, name: dataset.name })}
                >
                  {dataset.name}
                </button>
              </td>
              <td>
                {dataset.problem ? <span className="clg-error">{dataset.problem}</span> : gotText(dataset)}
              </td>
              <td>
                <AccessBadge access={dataset.access} />
                {dataset.access === 'ro' && dataset.enforced === false && (
                  <div className="clg-hint">not enforced on this machine</div>
                )}
              </td>
              <td className="clg-path">{dataset.path || '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
