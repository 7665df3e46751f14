/** What stands in the form about when something runs, and the usual rhythms as cron expressions. */

import type { Missed, Overlap } from '../api';

export type Rhythm = 'hourly' | 'daily' | 'weekdays' | 'weekly' | 'monthly' | 'cron' | 'interval' | 'once';
export type Unit = 'minutes' | 'hours' | 'days';

export interface ScheduleDraft {
  rhythm: Rhythm;
  /** `HH:MM`, of the presets. */
  time: string;
  /** 0 is Sunday, as in cron. */
  weekday: string;
  monthday: string;
  expression: string;
  every: string;
  unit: Unit;
  /** Local time of the zone, as the browser's field has it; empty is none. */
  anchor: string;
  at: string;
  zone: string;
  start: string;
  end: string;
  maxRuns: string;
  overlap: Overlap;
  missed: Missed;
  missedLimit: string;
  missedHours: string;
  maxFailures: string;
  paused: boolean;
}

export const RHYTHMS: [Rhythm, string][] = [
  ['hourly', 'Every hour'],
  ['daily', 'Every day'],
  ['weekdays', 'Monday to Friday'],
  ['weekly', 'Every week'],
  ['monthly', 'Every month'],
  ['interval', 'Every so many minutes, hours or days'],
  ['once', 'On one date'],
  ['cron', 'By a cron expression']
];
export const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
export const SECONDS: Record<Unit, number> = { minutes: 60, hours: 3600, days: 86400 };

/** The browser's own zone; the service may not know it under this name, and says so then. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

/** All zones that the browser knows, the given ones first. */
export function zones(...first: string[]): string[] {
  const known = typeof Intl.supportedValuesOf === 'function' ? Intl.supportedValuesOf('timeZone') : [];
  return [...new Set([...first, 'UTC', ...known])].filter(Boolean);
}

export function emptySchedule(zone = ownZone()): ScheduleDraft {
  return {
    rhythm: 'daily',
    time: '06:00',
    weekday: '1',
    monthday: '1',
    expression: '0 6 * * *',
    every: '1',
    unit: 'hours',
    anchor: '',
    at: '',
    zone,
    start: '',
    end: '',
    maxRuns: '',
    overlap: 'forbid',
    missed: 'once',
    missedLimit: '10',
    missedHours: '24',
    maxFailures: '5',
    paused: false
  };
}

/** The cron expression that a preset stands for. */
export function cronOf(draft: ScheduleDraft): string {
  const [hour, minute] = draft.time.split(':').map(part => Number(part) || 0);
  switch (draft.rhythm) {
    case 'hourly':
      return `${minute} * * * *`;
    case 'daily':
      return `${minute} ${hour} * * *`;
    case 'weekdays':
      return `${minute} ${hour} * * 1-5`;
    case 'weekly':
      return `${minute} ${hour} * * ${draft.weekday}`;
    case 'monthly':
      return `${minute} ${hour} ${draft.monthday} * *`;
    default:
      return draft.expression.trim();
  }
}

const two = (n: string | number) => String(n).padStart(2, '0');
const NUMBER = /^\d{1,2}$/;

/** The preset that an expression is, or the expression itself. */
export function presetOf(expression: string): Partial<ScheduleDraft> {
  const [minute, hour, day, month, weekday, ...rest] = expression.trim().split(/\s+/);
  const plain = { rhythm: 'cron' as const, expression };
  if (rest.length > 0 || month !== '*' || !NUMBER.test(minute ?? '')) {
    return plain;
  }
  if (hour === '*' && day === '*' && weekday === '*') {
    return { rhythm: 'hourly', time: `00:${two(minute)}`, expression };
  }
  if (!NUMBER.test(hour ?? '')) {
    return plain;
  }
  const at = { time: `${two(hour)}:${two(minute)}`, expression };
  if (day === '*') {
    if (weekday === '*' || weekday === '1-5') {
      return { ...at, rhythm: weekday === '*' ? 'daily' : 'weekdays' };
    }
    return /^[0-6]$/.test(weekday ?? '') ? { ...at, rhythm: 'weekly', weekday } : plain;
  }
  return NUMBER.test(day ?? '') && weekday === '*' ? { ...at, rhythm: 'monthly', monthday: day } : plain;
}
