import * as React from 'react';

import { useLoad, usePages } from '../accounts/load';
import { Listed, More, Problem, Time } from '../accounts/parts';
import type { Actions } from '../actions';
import type { ScheduleDetail, ScheduleRunOut } from '../api';
import { ApiError } from '../client';
import { dateTime, duration } from '../format';
import { useNow, useSignal } from '../hooks';
import { dueText } from './draft';
import { refusal } from './rights';
import { useScheduleNews } from './SchedulesSection';
import { TrendView } from './Trend';
import { NextRun, ScheduleBadge, Streak } from './words';

interface Props {
  actions: Actions;
  group: string;
  id: string;
  onGone: () => void;
}

/** One schedule: what is next, what can be done with it, how it went, and its runs with their jobs. */
export function ScheduleView({ actions, group, id, onGone }: Props): JSX.Element {
  const { session } = actions;
  const client = session.client!;
  useSignal(session.changed);
  const { value, problem, reload } = useLoad(`schedule/${group}/${id}`, () => client.schedule(group, id));
  const runs = usePages(`runs/${group}/${id}`, cursor => client.scheduleRuns(group, id, cursor));
  useScheduleNews(actions, () => {
    reload();
    runs.reload();
  });
  // A run's end is its job's end.
  const again = React.useRef(runs.reload);
  again.current = () => {
    reload();
    runs.reload();
  };
  const jobs = React.useRef(new Set<string>());
  jobs.current = new Set(runs.items?.map(r => r.job ?? '') ?? []);
  React.useEffect(() => {
    const slot = (_: unknown, job: string | null) => {
      if (job === null || jobs.current.has(job)) {
        again.current();
      }
    };
    session.jobsChanged.connect(slot);
    return () => {
      session.jobsChanged.disconnect(slot);
    };
  }, [session]);
  if (!value) {
    return problem instanceof ApiError && problem.status === 404 ? (
      <p className="clg-empty">There is no such schedule any more, or it is not for you to see.</p>
    ) : (
      <div className="clg-scroll clg-pad">
        <Problem of={problem} retry={reload} />
        {!problem && <p className="clg-hint">Loading …</p>}
      </div>
    );
  }
  return (
    <div
      className="clg-scroll clg-pad clg-schedule-view"
      data-testid="collegium-schedule"
      data-state={value.state}
      data-schedule-id={id}
    >
      <Problem of={problem} retry={reload} />
      <Head schedule={value} actions={actions} onGone={onGone} />
      <div className="clg-columns">
        <Facts schedule={value} />
        <section>
          <h3>How it went</h3>
          <TrendView trend={value.trend} />
          <h3>Next due times</h3>
          {value.upcoming.length === 0 ? (
            <p className="clg-hint">Nothing is due any more.</p>
          ) : (
            <ol className="clg-due">
              {value.upcoming.map(due => (
                <li key={due.at} title={due.at}>
                  {dueText(due)}
                  {due.note && <span className="clg-hint"> – {due.note}</span>}
                </li>
              ))}
            </ol>
          )}
        </section>
      </div>
      <h3>Runs</h3>
      <Listed items={runs.items} problem={runs.problem} retry={runs.reload} empty="It has not run yet.">
        <Runs runs={runs.items ?? []} actions={actions} group={group} />
        <More more={runs.more} busy={runs.busy} />
      </Listed>
      <details className="clg-holders">
        <summary>What was changed</summary>
        <table className="clg-table">
          <tbody>
            {[...value.history].reverse().map(event => (
              <tr key={event.sequence}>
                <td className="clg-when">{dateTime(event.at)}</td>
                <td>{event.state}</td>
                <td>{event.message}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </div>
  );
}

function Head(props: { schedule: ScheduleDetail; actions: Actions; onGone: () => void }): JSX.Element {
  const { schedule, actions } = props;
  const now = useNow(1000, schedule.state === 'Active');
  const may = (act: Parameters<typeof refusal>[2]) => refusal(actions.session, schedule, act);
  const button = (label: string, act: Parameters<typeof refusal>[2], run: () => void, danger = false) => (
    <button
      type="button"
      className={`clg-button${danger ? ' clg-danger' : ''}`}
      data-testid={`collegium-schedule-${act}`}
      disabled={!!may(act)}
      title={may(act) || undefined}
      onClick={run}
    >
      {label}
    </button>
  );
  const foreign = schedule.run_as !== actions.session.user;
  return (
    <header className="clg-job-header clg-flat">
      <div className="clg-job-title">
        <h2>{schedule.name}</h2>
        <span aria-live="polite">
          <ScheduleBadge state={schedule.state} />
        </span>
        <NextRun schedule={schedule} now={now} />
        <Streak schedule={schedule} />
        <span className="clg-spacer" />
        {button('Run now', 'run', () => void actions.runSchedule(schedule))}
        {schedule.state === 'Active'
          ? button('Pause', 'pause', () => void actions.pauseSchedule(schedule))
          : schedule.state === 'Paused' &&
            button('Resume', 'resume', () => void actions.resumeSchedule(schedule))}
        {schedule.state === 'Paused' && foreign && !may('resume') && (
          <button
            type="button"
            className="clg-button"
            title="From now on its jobs are yours, with your files and your share of the quota."
            onClick={() => void actions.resumeSchedule(schedule, true)}
          >
            Take over
          </button>
        )}
        {button('Edit', 'update', () => actions.editSchedule(schedule))}
        {button(
          'Delete',
          'delete',
          () => void actions.deleteSchedule(schedule).then(gone => gone && props.onGone()),
          true
        )}
      </div>
      {schedule.message && <p className="clg-job-why">{schedule.message}</p>}
    </header>
  );
}

const OVERLAP = {
  forbid: 'the new one is left out',
  allow: 'both run',
  replace: 'the earlier one is cancelled'
};
const MISSED = { skip: 'left out', once: 'one run for all of them', all: 'each runs' };

function Facts({ schedule }: { schedule: ScheduleDetail }): JSX.Element {
  const horizon = duration(schedule.missed_horizon * 1000);
  const rows: [string, React.ReactNode][] = [
    ['Runs', schedule.description],
    ['Time zone', String((schedule.recurrence as { zone?: string }).zone ?? 'UTC')],
    ['Jobs are', `${schedule.run_as}’s`],
    ['Job', `${schedule.kind} on ${schedule.instance_type}, image ${schedule.image}`],
    ...(schedule.start_at ? [['Not before', dateTime(schedule.start_at)] as [string, string]] : []),
    ...(schedule.end_at ? [['Not after', dateTime(schedule.end_at)] as [string, string]] : []),
    ['Runs so far', schedule.max_runs ? `${schedule.runs} of ${schedule.max_runs}` : String(schedule.runs)],
    ['If an earlier one goes on', OVERLAP[schedule.overlap]],
    [
      'Missed times',
      schedule.missed === 'skip'
        ? MISSED.skip
        : `${MISSED[schedule.missed]}${schedule.missed === 'all' ? `, at most ${schedule.missed_limit}` : ''}, not older than ${horizon}`
    ],
    [
      'Pauses',
      schedule.max_failures ? `after ${schedule.max_failures} failures in a row` : 'never by itself'
    ],
    ['Made by', `${schedule.created_by}, ${dateTime(schedule.created_at)}`],
    ['Changed by', `${schedule.updated_by}, ${dateTime(schedule.updated_at)}`]
  ];
  return (
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
  );
}

const TRIGGERS = { time: '', missed: 'made up for', person: 'by hand' };

function Runs(props: { runs: ScheduleRunOut[]; actions: Actions; group: string }): JSX.Element {
  return (
    <div className="clg-table-wrap">
      <table className="clg-table" aria-label="Runs" data-testid="collegium-runs">
        <thead>
          <tr>
            {['Due', 'State', 'Took', 'Job', ''].map(title => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.runs.map(run => (
            <tr
              key={run.sequence}
              data-testid="collegium-run"
              data-state={run.state}
              data-trigger={run.trigger}
            >
              <td className="clg-when">
                <Time at={run.due_at} />{' '}
                <span className="clg-hint">
                  {TRIGGERS[run.trigger]}
                  {run.requested_by && run.trigger === 'person' ? ` of ${run.requested_by}` : ''}
                </span>
              </td>
              <td>{run.state}</td>
              <td>{run.seconds === null ? '–' : duration(run.seconds * 1000)}</td>
              <td>
                {run.job ? (
                  <button
                    type="button"
                    className="clg-link"
                    data-testid="collegium-run-job"
                    onClick={() =>
                      props.actions.openJob({ group: props.group, id: run.job!, name: run.job! })
                    }
                  >
                    {run.job}
                  </button>
                ) : (
                  '–'
                )}
              </td>
              <td>{run.message}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
