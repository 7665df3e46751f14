import * as React from 'react';

import type { Actions } from '../actions';
import type { JobDetail } from '../api';
import { JobDatasets } from '../datasets/JobDatasets';
import { dateTime, duration, reasonWords, resourceList } from '../format';
import { openSweep } from '../sweeps/actions';

/** What was submitted, and what the service made of it. */
export function DetailsView({ job, actions }: { job: JobDetail; actions: Actions }): JSX.Element {
  const rows: [string, React.ReactNode][] = [
    ['Id', <code key="id">{job.id}</code>],
    ['Group', job.group],
    ['User', job.user],
    ['Kind', job.kind],
    ['Instance type', job.instance_type],
    ['Resources', resourceList(job.resources)],
    ['Image', job.image],
    ['Time limit', job.timeout_seconds ? duration(job.timeout_seconds * 1000) : 'none'],
    ['Priority', String(job.priority)]
  ];
  const { sweep, rerun_of: first } = job;
  if (sweep) {
    rows.push([
      'Sweep',
      <React.Fragment key="sweep">
        point {job.point} of{' '}
        <button
          type="button"
          className="clg-link"
          onClick={() => openSweep(actions, { group: job.group, id: sweep, name: sweep })}
        >
          {sweep}
        </button>
      </React.Fragment>
    ]);
  }
  if (first) {
    rows.push([
      'Again of',
      <button
        key="of"
        type="button"
        className="clg-link"
        onClick={() => actions.openJob({ group: job.group, id: first, name: first })}
      >
        {first}
      </button>
    ]);
  }
  if (job.cancel_requested_by) {
    rows.push(['Cancel asked by', job.cancel_requested_by]);
  }
  return (
    <div className="clg-scroll">
      <table className="clg-table clg-table-facts">
        <tbody>
          {rows.map(([term, text]) => (
            <tr key={term}>
              <th scope="row">{term}</th>
              <td>{text}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {Object.keys(job.values ?? {}).length > 0 && (
        <>
          <h3>Parameters</h3>
          <table className="clg-table clg-table-facts">
            <tbody>
              {Object.entries(job.values ?? {}).map(([name, value]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td className="clg-path">{JSON.stringify(value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
      <JobDatasets job={job} actions={actions} />
      <h3>Submitted</h3>
      <Json value={job.spec} label="What was submitted" />
      <h3>Launch manifest</h3>
      <p className="clg-hint">What the submitted names stood for at that time.</p>
      <Json value={job.launch} label="Launch manifest" />
    </div>
  );
}

function Json({ value, label }: { value: unknown; label: string }): JSX.Element {
  return (
    <pre className="clg-json" tabIndex={0} aria-label={label}>
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}

/** Every change of state, oldest first. */
export function HistoryView({ job }: { job: JobDetail }): JSX.Element {
  return (
    <div className="clg-scroll">
      <table className="clg-table">
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">State</th>
            <th scope="col">Reason</th>
            <th scope="col">Message</th>
          </tr>
        </thead>
        <tbody>
          {job.history.map(event => (
            <tr key={event.sequence}>
              <td>{dateTime(event.at)}</td>
              <td>{event.state}</td>
              <td>{reasonWords(event.reason)}</td>
              <td>{event.message}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
