import * as React from 'react';

import { isFinal } from '../format';
import { useNow, useSignal } from '../hooks';
import type { JobList } from '../joblist';
import { JobRow } from './JobRow';
import type { PanelProps } from './Sidebar';

const STATES: [string, string][] = [
  ['', 'Any state'],
  ['Pending,Preparing,Running', 'Not ended'],
  ['Pending', 'Pending'],
  ['Running', 'Running'],
  ['Succeeded', 'Succeeded'],
  ['Failed', 'Failed'],
  ['Cancelled', 'Cancelled']
];

/** The group's jobs, newest first. */
export function Jobs({ session, jobs, actions }: PanelProps): JSX.Element {
  useSignal(jobs.changed);
  const now = useNow(jobs.items.some(j => !isFinal(j.state)) ? 1000 : 30_000, jobs.items.length > 0);
  return (
    <div className="clg-jobs" data-testid="collegium-jobs">
      <FilterBar jobs={jobs} />
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
        <ul className="clg-job-list" aria-label="Jobs">
          {jobs.items.map(job => (
            <JobRow key={job.id} job={job} now={now} mine={job.user === session.user} actions={actions} />
          ))}
        </ul>
      ) : (
        !jobs.problem && <Empty jobs={jobs} />
      )}
      {jobs.cursor && (
        <button
          type="button"
          className="clg-button clg-more"
          data-testid="collegium-jobs-more"
          disabled={jobs.busy}
          onClick={() => void jobs.more()}
        >
          {jobs.busy ? 'Loading …' : 'Load more'}
        </button>
      )}
    </div>
  );
}

function Empty({ jobs }: { jobs: JobList }): JSX.Element {
  const { mine, state, text } = jobs.filters;
  if (!jobs.loaded) {
    return <p className="clg-hint">Loading …</p>;
  }
  if (mine || state || text) {
    return (
      <p className="clg-empty">
        No job fits the filters.{' '}
        <button
          type="button"
          className="clg-link"
          onClick={() => jobs.setFilters({ mine: false, state: '', text: '' })}
        >
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

function FilterBar({ jobs }: { jobs: JobList }): JSX.Element {
  const { filters } = jobs;
  const [text, setText] = React.useState(filters.text);
  React.useEffect(() => setText(filters.text), [filters.text]);
  React.useEffect(() => {
    if (text === filters.text) {
      return;
    }
    // Ask when the typing pauses, not for every letter.
    const timer = setTimeout(() => jobs.setFilters({ text }), 300);
    return () => clearTimeout(timer);
  }, [jobs, text, filters.text]);
  return (
    <div className="clg-filters" role="search" aria-label="Filter jobs">
      <select
        className="clg-select"
        aria-label="Whose jobs"
        data-testid="collegium-filter-user"
        value={filters.mine ? 'mine' : 'all'}
        onChange={event => jobs.setFilters({ mine: event.target.value === 'mine' })}
      >
        <option value="all">Everybody’s</option>
        <option value="mine">Mine</option>
      </select>
      <select
        className="clg-select"
        aria-label="State"
        data-testid="collegium-filter-state"
        value={filters.state}
        onChange={event => jobs.setFilters({ state: event.target.value })}
      >
        {STATES.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <input
        type="search"
        className="clg-input"
        aria-label="Search jobs by text"
        placeholder="Search"
        maxLength={120}
        data-testid="collegium-filter-text"
        value={text}
        onChange={event => setText(event.target.value)}
      />
    </div>
  );
}

/** Says changes of state to screen readers; the list itself would be read out whole. */
function Announcer({ jobs }: { jobs: JobList }): JSX.Element {
  const before = React.useRef(new Map<string, string>());
  const said = React.useRef('');
  const news = jobs.items.filter(j => (before.current.get(j.id) ?? j.state) !== j.state);
  if (news.length > 0) {
    said.current = news.map(j => `${j.name}: ${j.state}`).join('; ');
  }
  React.useEffect(() => {
    before.current = new Map(jobs.items.map(j => [j.id, j.state]));
  });
  return (
    <div className="clg-visually-hidden" role="status" aria-live="polite">
      {said.current}
    </div>
  );
}
