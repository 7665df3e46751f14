import * as React from 'react';

import type { JobDetail } from '../api';
import { dateTime, reasonWords, resourceList } from '../format';

/** What was submitted, and what the service made of it. */
export function DetailsView({ job }: { job: JobDetail }): JSX.Element {
  const rows: [string, React.ReactNode][] = [
    ['Id', <code key="id">{job.id}</code>],
    ['Group', job.group],
    ['User', job.user],
    ['Kind', job.kind],
    ['Instance type', job.instance_type],
    ['Resources', resourceList(job.resources)],
    ['Image', job.image]
  ];
  if (job.rerun_of) {
    rows.push(['Again of', <code key="of">{job.rerun_of}</code>]);
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
