import * as React from 'react';

import type { Actions } from '../actions';
import type { JobOut } from '../api';
import { age, dateTime, duration, isFinal, reasonWords } from '../format';
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

export interface RowProps {
  job: JobOut;
  index: number;
  top: number;
  height: number;
  now: number;
  mine: boolean;
  /** The row that the keyboard is at. */
  active: boolean;
  chosen: boolean;
  actions: Actions;
  onToggle: (index: number, range: boolean) => void;
  onActivate: (index: number) => void;
}

/** One job. Its height is fixed, so what is long is cut and told in full by its title. */
export const JobRow = React.memo(function JobRow(props: RowProps): JSX.Element {
  const { job, now, actions, index, active } = props;
  const why = explanation(job);
  const final = isFinal(job.state);
  const { session } = actions;
  const stop = active ? 0 : -1;
  const button = (label: string, act: () => void, testid?: string) => (
    <button
      type="button"
      className="clg-link"
      data-testid={testid}
      tabIndex={stop}
      aria-label={`${label}: ${job.name}`}
      onClick={act}
    >
      {label}
    </button>
  );
  return (
    <div
      role="row"
      className="clg-grid-job"
      data-testid="collegium-job-row"
      data-job-id={job.id}
      data-state={job.state}
      data-index={index}
      aria-rowindex={index + 1}
      aria-selected={props.chosen}
      aria-label={`${job.name}, ${job.state}, ${job.user}`}
      tabIndex={stop}
      style={{ top: props.top, height: props.height }}
      onFocus={() => props.onActivate(index)}
    >
      <div role="gridcell" className="clg-job-check">
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Choose ${job.name}`}
          data-testid="collegium-job-choose"
          checked={props.chosen}
          onClick={event => props.onToggle(index, event.shiftKey)}
          readOnly
        />
      </div>
      <div role="gridcell" className="clg-job-what">
        <div className="clg-job-head">
          <button
            type="button"
            className="clg-job-name"
            tabIndex={-1}
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
          <span title={dateTime(job.created_at)}>{timing(job, now)}</span>
          {job.attempt > 1 && (
            <span>
              attempt {job.attempt} of {job.max_attempts}
            </span>
          )}
          {job.tags?.map(tag => (
            <span key={tag} className="clg-tag">
              {tag}
            </span>
          ))}
        </div>
        <p className="clg-job-why" title={why}>
          {why}
        </p>
      </div>
      <div role="gridcell" className="clg-job-actions">
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
    </div>
  );
});
