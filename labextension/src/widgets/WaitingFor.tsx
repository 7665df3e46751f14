import * as React from 'react';

import type { Actions } from '../actions';
import type { JobDetail } from '../api';
import { dateTime, isFinal } from '../format';
import { useNow } from '../hooks';
import { StateBadge } from '../panels/StateBadge';
import { soon } from '../schedules/words';

/** What a job waits for, by when it starts at the latest, and the jobs before and after it. */
export function WaitingFor({ job, actions }: { job: JobDetail; actions: Actions }): JSX.Element | null {
  const waits = isFinal(job.state) ? [] : (job.waiting_for ?? []);
  const now = useNow(1000, waits.some(w => w.until) || !!job.earliest_start);
  const { depends_on: depends, dependents = [] } = job;
  if (waits.length === 0 && !depends && dependents.length === 0) {
    return null;
  }
  const open = (id: string, name: string) => actions.openJob({ group: job.group, id, name });
  return (
    <div className="clg-waiting" data-testid="collegium-waiting">
      {waits.length > 1 && (
        <ul className="clg-plain-list">
          {waits.map((wait, index) => (
            <li key={index} className="clg-choice-wait">
              {wait.message}
              {wait.until && <span title={dateTime(wait.until)}> ({soon(wait.until, now)})</span>}
            </li>
          ))}
        </ul>
      )}
      {job.earliest_start && !isFinal(job.state) && (
        <p className="clg-hint">
          Starts by {dateTime(job.earliest_start)} at the latest ({soon(job.earliest_start, now)}), as far as
          time limits tell.
        </p>
      )}
      {depends && (
        <p>
          <span className="clg-hint">
            Waits until {depends.need === 'any' ? 'one of these has' : 'these have'}{' '}
            {{ succeeded: 'succeeded', failed: 'failed', done: 'ended' }[depends.ending]}:{' '}
          </span>
          {depends.jobs.map(upstream => (
            <span key={upstream.id} className="clg-upstream">
              {upstream.state ? (
                <>
                  <button
                    type="button"
                    className="clg-link"
                    data-testid="collegium-upstream"
                    onClick={() => open(upstream.id, upstream.name)}
                  >
                    {upstream.name}
                  </button>
                  <StateBadge state={upstream.state} testid="collegium-upstream-state" />
                </>
              ) : (
                <span className="clg-hint">{upstream.name || upstream.id} (deleted)</span>
              )}
            </span>
          ))}
        </p>
      )}
      {dependents.length > 0 && (
        <p>
          <span className="clg-hint">These wait or waited for it: </span>
          {dependents.map(id => (
            <button key={id} type="button" className="clg-link" onClick={() => open(id, id)}>
              {id}
            </button>
          ))}
        </p>
      )}
    </div>
  );
}
