import * as React from 'react';

import { Listed, More } from '../accounts/parts';
import { usePages } from '../accounts/load';
import type { Actions } from '../actions';
import type { ScheduleOut } from '../api';
import { useNow } from '../hooks';
import { refusal } from './rights';
import { NextRun, ScheduleBadge, Streak } from './words';

const STATES: [string, string][] = [
  ['', 'Any state'],
  ['Active', 'Active'],
  ['Paused', 'Paused'],
  ['Ended', 'Ended']
];

/** Calls back when a schedule changed, was fired, or anything may have. */
export function useScheduleNews(actions: Actions, act: () => void): void {
  const latest = React.useRef(act);
  latest.current = act;
  React.useEffect(() => {
    const { session } = actions;
    const slot = (_: unknown, change: { kind: string } | null) => {
      if (change === null || change.kind === 'schedule') {
        latest.current();
      }
    };
    session.objectsChanged.connect(slot);
    return () => {
      session.objectsChanged.disconnect(slot);
    };
  }, [actions]);
}

/** The group's schedules: what runs by itself, when next, and how it went. */
export function SchedulesSection({ actions }: { actions: Actions }): JSX.Element | null {
  const { session } = actions;
  const { client, group } = session;
  const [state, setState] = React.useState('');
  const [text, setText] = React.useState('');
  const name = group?.name ?? '';
  const page = usePages(`schedules/${name}/${state}/${text}`, cursor =>
    client
      ? client.schedules(name, { state, text: text.trim(), cursor, limit: 50 })
      : Promise.resolve({ items: [] })
  );
  useScheduleNews(actions, page.reload);
  const now = useNow(1000, !!page.items?.some(s => s.state === 'Active'));
  const denied = session.denied('schedule.create');
  return (
    <div data-testid="collegium-schedules">
      <div className="clg-filters clg-filters-short">
        <input
          type="search"
          className="clg-input"
          aria-label="Search schedules by name"
          placeholder="Search by name"
          data-testid="collegium-schedules-text"
          value={text}
          onChange={e => setText(e.target.value)}
        />
        <select
          className="clg-select"
          aria-label="State of schedules"
          value={state}
          onChange={e => setState(e.target.value)}
        >
          {STATES.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
      </div>
      <Listed
        items={page.items}
        problem={page.problem}
        retry={page.reload}
        empty={
          state || text.trim() ? (
            'No schedule fits the filters.'
          ) : (
            <>
              Nothing runs by itself here yet.{' '}
              {denied || (
                <button type="button" className="clg-link" onClick={() => actions.newSchedule()}>
                  Make a schedule
                </button>
              )}
            </>
          )
        }
      >
        <ul className="clg-plain-list" aria-label="Schedules">
          {page.items?.map(schedule => (
            <Row key={schedule.id} schedule={schedule} actions={actions} now={now} />
          ))}
        </ul>
        <More more={page.more} busy={page.busy} />
      </Listed>
    </div>
  );
}

function Row({
  schedule,
  actions,
  now
}: {
  schedule: ScheduleOut;
  actions: Actions;
  now: number;
}): JSX.Element {
  const { session } = actions;
  const may = (act: Parameters<typeof refusal>[2]) => !refusal(session, schedule, act);
  const button = (label: string, act: () => void) => (
    <button type="button" className="clg-link" aria-label={`${label}: ${schedule.name}`} onClick={act}>
      {label}
    </button>
  );
  return (
    <li
      className="clg-schedule"
      data-testid="collegium-schedule-row"
      data-schedule-id={schedule.id}
      data-state={schedule.state}
    >
      <div className="clg-job-head">
        <button
          type="button"
          className="clg-job-name"
          title={schedule.name}
          onClick={() => actions.openSchedule(schedule)}
        >
          {schedule.name}
        </button>
        <ScheduleBadge state={schedule.state} />
      </div>
      <div className="clg-job-facts">
        <span>{schedule.description}</span>
        <NextRun schedule={schedule} now={now} />
        <span>{schedule.run_as === session.user ? 'you' : schedule.run_as}</span>
        <Streak schedule={schedule} />
      </div>
      {schedule.state !== 'Active' && schedule.message && <p className="clg-job-why">{schedule.message}</p>}
      <div className="clg-job-actions">
        {button('History', () => actions.openSchedule(schedule))}
        {may('run') &&
          schedule.state !== 'Ended' &&
          button('Run now', () => void actions.runSchedule(schedule))}
        {may('pause') &&
          schedule.state === 'Active' &&
          button('Pause', () => void actions.pauseSchedule(schedule))}
        {may('resume') &&
          schedule.state === 'Paused' &&
          button('Resume', () => void actions.resumeSchedule(schedule))}
        {may('update') && button('Edit', () => actions.editSchedule(schedule))}
        {may('delete') && button('Delete', () => void actions.deleteSchedule(schedule))}
      </div>
    </li>
  );
}
