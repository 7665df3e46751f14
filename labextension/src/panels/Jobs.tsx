import * as React from 'react';

import type { Actions } from '../actions';
import { useSignal } from '../hooks';
import { NO_FILTERS, type JobList } from '../joblist';
import { BulkBar } from './BulkBar';
import { JobFilters } from './JobFilters';
import { JobGrid } from './JobGrid';

/** The group's jobs, newest first unless asked otherwise. `height` is that of a row where they stand. */
export function Jobs(props: { jobs: JobList; actions: Actions; height: number }): JSX.Element {
  const { jobs, actions } = props;
  const { session } = actions;
  useSignal(jobs.changed);
  useSignal(session.changed);
  return (
    <div className="clg-jobs" data-testid="collegium-jobs">
      <div className="clg-jobs-head">
        <JobFilters session={session} jobs={jobs} />
        <BulkBar jobs={jobs} actions={actions} />
      </div>
      {jobs.problem && (
        <p className="clg-error" role="alert">
          {jobs.problem}{' '}
          <button type="button" className="clg-link" onClick={() => void jobs.refresh()}>
            Retry
          </button>
        </p>
      )}
      <Announcer jobs={jobs} />
      {jobs.items.length > 0 ? (
        <>
          <JobGrid key={session.group?.name} jobs={jobs} actions={actions} height={props.height} />
          <p className="clg-hint clg-jobs-count" role="status" data-testid="collegium-jobs-count">
            {counted(jobs)}
          </p>
        </>
      ) : (
        !jobs.problem && <Empty jobs={jobs} />
      )}
    </div>
  );
}

function counted(jobs: JobList): string {
  const shown = jobs.items.length;
  if (jobs.busy) {
    return 'Loading more …';
  }
  if (jobs.cursor && jobs.total !== null) {
    return `${shown.toLocaleString()} of ${jobs.total.toLocaleString()} jobs; scroll for more`;
  }
  return `${shown.toLocaleString()} ${shown === 1 ? 'job' : 'jobs'}`;
}

function Empty({ jobs }: { jobs: JobList }): JSX.Element {
  if (!jobs.loaded) {
    return <p className="clg-hint">Loading …</p>;
  }
  if (jobs.filtered) {
    return (
      <p className="clg-empty">
        No job fits the filters.{' '}
        <button type="button" className="clg-link" onClick={() => jobs.setFilters(NO_FILTERS)}>
          Show all
        </button>
      </p>
    );
  }
  return (
    <p className="clg-empty">
      No jobs in this group yet. Press “New job”, or “Run as job” in a notebook’s toolbar: the job runs on the
      cluster and goes on when you close this page.
    </p>
  );
}

/** Says changes of state to screen readers; the list itself would be read out whole. */
function Announcer({ jobs }: { jobs: JobList }): JSX.Element {
  const before = React.useRef(new Map<string, string>());
  const [said, say] = React.useState('');
  const { items } = jobs;
  React.useEffect(() => {
    const news = items.filter(j => (before.current.get(j.id) ?? j.state) !== j.state).slice(0, 5);
    if (news.length > 0) {
      say(news.map(j => `${j.name}: ${j.state}`).join('; '));
    }
    before.current = new Map(items.map(j => [j.id, j.state]));
  }, [items]);
  return (
    <div className="clg-visually-hidden" role="status" aria-live="polite">
      {said}
    </div>
  );
}
