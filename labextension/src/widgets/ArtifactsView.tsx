import * as React from 'react';

import type { Actions } from '../actions';
import type { ArtifactOut, JobDetail } from '../api';
import { messageOf } from '../client';
import { bytes, dateTime, isFinal } from '../format';

/** The files that the latest attempt left. */
export function ArtifactsView({ job, actions }: { job: JobDetail; actions: Actions }): JSX.Element {
  const [items, setItems] = React.useState<ArtifactOut[] | null>(null);
  const [problem, setProblem] = React.useState('');
  const [busy, setBusy] = React.useState('');
  const load = React.useCallback(async () => {
    try {
      setItems((await actions.session.client?.artifacts(job.group, job.id))?.items ?? []);
      setProblem('');
    } catch (error) {
      setProblem(messageOf(error));
    }
  }, [actions, job.group, job.id]);
  // Again when the state changes: the files are complete at the end.
  React.useEffect(() => void load(), [load, job.state, job.attempt]);
  const act = async (item: ArtifactOut, what: (job: JobDetail, item: ArtifactOut) => Promise<void>) => {
    setBusy(item.path);
    await what(job, item);
    setBusy('');
  };
  return (
    <div className="clg-scroll">
      {problem && (
        <p className="clg-error" role="alert">
          {problem}{' '}
          <button type="button" className="clg-link" onClick={() => void load()}>
            Retry
          </button>
        </p>
      )}
      {items === null && !problem && <p className="clg-hint">Loading …</p>}
      {items?.length === 0 && (
        <p className="clg-empty">
          {isFinal(job.state)
            ? 'The job left no files.'
            : 'No files yet; they appear when the job has written them.'}
        </p>
      )}
      {items && items.length > 0 && (
        <table className="clg-table" data-testid="collegium-artifacts">
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">Size</th>
              <th scope="col">Written</th>
              <th scope="col">
                <span className="clg-visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map(item => (
              <tr key={item.path}>
                <td className="clg-path">{item.path}</td>
                <td className="clg-number">{bytes(item.size)}</td>
                <td>{dateTime(item.modified_at)}</td>
                <td className="clg-cell-actions">
                  {actions.host.openArtifact && (
                    <button
                      type="button"
                      className="clg-link"
                      data-testid="collegium-artifact-open"
                      data-path={item.path}
                      aria-label={`Open ${item.path}`}
                      title={`Copies the file to ${actions.artifactDirectory}/${job.id} in your home and opens it`}
                      disabled={busy === item.path}
                      onClick={() => void act(item, (j, i) => actions.openArtifact(j, i))}
                    >
                      {busy === item.path ? 'Opening …' : 'Open'}
                    </button>
                  )}
                  <button
                    type="button"
                    className="clg-link"
                    data-testid="collegium-artifact-download"
                    data-path={item.path}
                    aria-label={`Download ${item.path}`}
                    disabled={busy === item.path}
                    onClick={() => void act(item, (j, i) => actions.downloadArtifact(j, i))}
                  >
                    Download
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
