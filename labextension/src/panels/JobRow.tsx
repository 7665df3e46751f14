import * as React from 'react';

import type { Actions } from '../actions';
import type { JobOut } from '../api';
import { age, duration, isFinal, reasonWords } from '../format';
import { StateBadge } from './StateBadge';

/** How long it ran, or how long ago it was submitted. */
function timing(job: JobOut, now: number): string {
  if (job.started_at) {
    const end = job.finished_at ? Date.parse(job.finished_at) : now;
    const ran = duration(end - Date.parse(job.started_at));
    return job.finished_at ? `ran ${ran}, ended ${age(job.finished_at, now)}` : `running for ${ran}`;
  }
  return `submitted ${age(job.created_at, now)}`;
}

/** Why it is in its state, in the service's words; the bare reason only where there are none. */
export function explanation(job: JobOut): string {
  if (job.message) {
    return job.message;
  }
  const obvious = ['Completed', 'Started', 'Submitted', 'Admitted', 'Cancelled'].includes(job.reason);
  return obvious ? '' : reasonWords(job.reason);
}

export const JobRow = React.memo(function JobRow(props: {
  job: JobOut;
  now: number;
  mine: boolean;
  actions: Actions;
}): JSX.Element {
  const { job, now, actions } = props;
  const why = explanation(job);
  const final = isFinal(job.state);
  const { session } = actions;
  const button = (label: string, act: () => void, testid?: string) => (
    <button
      type="button"
      className="clg-link"
      data-testid={testid}
      aria-label={`${label}: ${job.name}`}
      onClick={act}
    >
      {label}
    </button>
  );
  return (
    <li className="clg-job" data-testid="collegium-job-row" data-job-id={job.id} data-state={job.state}>
      <div className="clg-job-head">
        <button
          type="button"
          className="clg-job-name"
          title={`${job.name} – ${job.kind} ${job.id}`}
          onClick={() => actions.openJob(job)}
        >
          {job.name}
        </button>
        <StateBadge
          state={job.state}
          testid="collegium-job-state"
          cancelling={!final && !!job.cancel_requested_by}
        />
      </div>
      <div className="clg-job-facts">
        {typeof job.queue_position === 'number' && !final && (
          <span className="clg-queue">#{job.queue_position} in line</span>
        )}
        <span>{props.mine ? 'you' : job.user}</span>
        <span>{job.instance_type}</span>
        <span title={new Date(job.created_at).toLocaleString()}>{timing(job, now)}</span>
        {job.attempt > 1 && (
          <span>
            attempt {job.attempt} of {job.max_attempts}
          </span>
        )}
      </div>
      {why && <p className="clg-job-why">{why}</p>}
      <div className="clg-job-actions">
        {button('Logs', () => actions.openJob(job, 'log'), 'collegium-job-open-log')}
        {button('Details', () => actions.openJob(job, 'details'), 'collegium-job-details')}
        {button('Artifacts', () => actions.openJob(job, 'artifacts'), 'collegium-job-artifacts')}
        {!final &&
          !job.cancel_requested_by &&
          session.mayCancel(job) &&
          button('Cancel', () => void actions.cancel(job), 'collegium-job-cancel')}
        {final &&
          !session.denied('job.rerun') &&
          button('Rerun', () => void actions.rerun(job), 'collegium-job-rerun')}
      </div>
    </li>
  );
});
