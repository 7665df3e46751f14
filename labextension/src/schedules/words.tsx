import * as React from 'react';

import type { ScheduleOut, ScheduleState } from '../api';
import { dateTime, duration } from '../format';
import { Icon, type IconName } from '../icon';

const ICONS: Record<ScheduleState, [IconName, string]> = {
  Active: ['Running', 'running'],
  Paused: ['paused', 'pending'],
  Ended: ['Succeeded', 'ended']
};

/** A schedule's state as shape and word. */
export function ScheduleBadge({ state }: { state: ScheduleState }): JSX.Element {
  const [icon, tone] = ICONS[state];
  return (
    <span className={`clg-state clg-state-${tone}`} data-testid="collegium-schedule-state">
      <Icon name={icon} />
      <span>{state}</span>
    </span>
  );
}

/** `in 5m`, or that it is about to be. */
export function soon(at: string, now: number): string {
  const left = Date.parse(at) - now;
  return left > 0 ? `in ${duration(left)}` : 'now';
}

/** When it runs next, or why not. */
export function NextRun({ schedule, now }: { schedule: ScheduleOut; now: number }): JSX.Element {
  if (schedule.state === 'Active' && schedule.next_at) {
    return (
      <span title={dateTime(schedule.next_at)} data-testid="collegium-schedule-next">
        next {soon(schedule.next_at, now)}
      </span>
    );
  }
  return <span>{schedule.state === 'Active' ? 'nothing is due' : schedule.state.toLowerCase()}</span>;
}

/** A row of failures is what one wants to see first. */
export function Streak({ schedule }: { schedule: ScheduleOut }): JSX.Element | null {
  const { failures, max_failures: most } = schedule;
  return failures > 0 ? (
    <span className="clg-streak" data-testid="collegium-schedule-streak">
      {failures} {failures === 1 ? 'failure' : 'failures in a row'}
      {most > 0 && schedule.state === 'Active' && `, pauses at ${most}`}
    </span>
  ) : null;
}
