import * as React from 'react';

import type { JobTab } from '../actions';
import type { JobDetail } from '../api';
import { dateTime, duration, isFinal } from '../format';
import { useNow, useSignal } from '../hooks';
import { MetricsView } from '../plots/MetricsView';
import { UsageView } from '../plots/UsageView';
import { explanation } from '../panels/JobRow';
import { StateBadge } from '../panels/StateBadge';
import { ArtifactsView } from './ArtifactsView';
import { DetailsView, HistoryView } from './DetailsView';
import type { JobModel } from './JobModel';
import { JobNotes } from './JobNotes';
import { LogView } from './LogView';
import { WaitingFor } from './WaitingFor';

const TABS: [JobTab, string][] = [
  ['log', 'Log'],
  ['metrics', 'Metrics'],
  ['usage', 'Use'],
  ['details', 'Details'],
  ['history', 'History'],
  ['artifacts', 'Artifacts']
];

/** Header and the parts of a job. */
export function JobView({ model }: { model: JobModel }): JSX.Element {
  useSignal(model.changed);
  const { job, tab, actions } = model;
  const { client } = actions.session;
  if (!job) {
    return (
      <div className="clg-status" role="status" data-testid="collegium-job-problem">
        <p>
          {model.missing
            ? 'There is no such job, or it is not for you to see.'
            : model.problem || 'Loading …'}
        </p>
        {model.problem && (
          <button type="button" className="clg-button" onClick={() => void model.refresh()}>
            Retry
          </button>
        )}
      </div>
    );
  }
  return (
    <div className="clg-job-view" data-job-id={job.id}>
      <Header job={job} model={model} />
      {model.problem && (
        <p className="clg-error" role="alert">
          {model.problem}
        </p>
      )}
      <TabBar model={model} />
      <div
        className="clg-tab-panel"
        role="tabpanel"
        id={`clg-tabpanel-${job.id}`}
        aria-labelledby={`clg-tab-${job.id}-${tab}`}
      >
        {tab === 'log' && model.log && (
          <LogView follower={model.log} onSave={() => void actions.saveLog(job)} />
        )}
        {tab === 'metrics' && client && (
          <div className="clg-scroll">
            <MetricsView client={client} job={job} />
          </div>
        )}
        {tab === 'usage' && client && (
          <div className="clg-scroll">
            <UsageView client={client} job={job} />
          </div>
        )}
        {tab === 'details' && <DetailsView job={job} actions={actions} />}
        {tab === 'history' && <HistoryView job={job} />}
        {tab === 'artifacts' && <ArtifactsView job={job} actions={actions} />}
      </div>
    </div>
  );
}

function TabBar({ model }: { model: JobModel }): JSX.Element {
  const { job, tab } = model;
  const buttons = React.useRef<Partial<Record<JobTab, HTMLButtonElement | null>>>({});
  const onKey = (event: React.KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step) {
      const at = TABS.findIndex(([id]) => id === tab);
      const next = TABS[(at + step + TABS.length) % TABS.length][0];
      model.show(next);
      buttons.current[next]?.focus();
      event.preventDefault();
    }
  };
  return (
    <div className="clg-tabs" role="tablist" aria-label="Parts of the job" onKeyDown={onKey}>
      {TABS.map(([id, label]) => (
        <button
          key={id}
          ref={node => {
            buttons.current[id] = node;
          }}
          type="button"
          role="tab"
          id={`clg-tab-${job?.id}-${id}`}
          aria-selected={id === tab}
          aria-controls={`clg-tabpanel-${job?.id}`}
          tabIndex={id === tab ? 0 : -1}
          className="clg-tab"
          data-testid={`collegium-tab-${id}`}
          onClick={() => model.show(id)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

function Header({ job, model }: { job: JobDetail; model: JobModel }): JSX.Element {
  const final = isFinal(job.state);
  const now = useNow(1000, !final);
  const why = explanation(job);
  const { actions } = model;
  const ran = job.started_at
    ? duration((job.finished_at ? Date.parse(job.finished_at) : now) - Date.parse(job.started_at))
    : '–';
  const facts: [string, string][] = [
    ['Submitted', dateTime(job.created_at)],
    ['Started', dateTime(job.started_at)],
    ['Ended', dateTime(job.finished_at)],
    ['Running time', ran],
    ['Attempt', job.attempt ? `${job.attempt} of ${job.max_attempts}` : '–'],
    ['Exit code', typeof job.exit_code === 'number' ? String(job.exit_code) : '–']
  ];
  return (
    <header className="clg-job-header">
      <div className="clg-job-title">
        <h2>{job.name}</h2>
        <span aria-live="polite">
          <StateBadge
            state={job.state}
            testid="collegium-detail-state"
            cancelling={!final && !!job.cancel_requested_by}
          />
        </span>
        {typeof job.queue_position === 'number' && !final && (
          <span className="clg-queue">#{job.queue_position} in line</span>
        )}
        <span className="clg-spacer" />
        <Buttons job={job} model={model} />
      </div>
      {why && <p className="clg-job-why">{why}</p>}
      <dl className="clg-facts">
        {facts.map(([term, text]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <WaitingFor job={job} actions={actions} />
      <JobNotes job={job} actions={actions} onChanged={() => void model.refresh()} />
    </header>
  );
}

function Buttons({ job, model }: { job: JobDetail; model: JobModel }): JSX.Element {
  const { actions } = model;
  const { session } = actions;
  const denied = session.denied('job.submit');
  return (
    <>
      {!isFinal(job.state) && (
        <button
          type="button"
          className="clg-button"
          disabled={!!job.cancel_requested_by || !session.mayCancel(job)}
          onClick={() => void actions.cancel(job)}
        >
          Cancel the job
        </button>
      )}
      {isFinal(job.state) && (
        <button
          type="button"
          className="clg-button"
          data-testid="collegium-rerun"
          disabled={!!session.denied('job.rerun')}
          title="The same files, image and machine as then"
          onClick={() => void actions.rerun(job)}
        >
          Rerun exactly
        </button>
      )}
      <button
        type="button"
        className="clg-button"
        data-testid="collegium-edit-and-run"
        disabled={!!denied}
        title={denied || 'The form, filled with what was asked for then; files are taken as they are now'}
        onClick={() => void actions.editAndRun(job)}
      >
        Edit and run
      </button>
      <button
        type="button"
        className="clg-button"
        data-testid="collegium-job-schedule"
        disabled={!!session.denied('schedule.create')}
        onClick={() => void actions.editAndRun(job, 'schedule')}
      >
        Schedule
      </button>
    </>
  );
}
