/** What stands in the form about when something runs, and the schedule that it makes. Text stays text until it is sent. */

import type {
  CronIn,
  DueOut,
  IntervalIn,
  JobIn,
  OnceIn,
  ScheduleDetail,
  ScheduleIn,
  SchedulePatch
} from '../api';
import type { FieldErrors } from '../errors';
import { cronOf, emptySchedule, presetOf, SECONDS, type ScheduleDraft } from './rhythm';

export type Recurrence = CronIn | IntervalIn | OnceIn;

function whole(text: string, field: string, errors: FieldErrors, what: string): number | undefined {
  const value = Number(text);
  if (!text.trim() || !Number.isInteger(value)) {
    errors[field] = what;
    return undefined;
  }
  return value;
}

/** When, or what is wrong with it; fields are named as the service names them. */
export function toRecurrence(draft: ScheduleDraft): { recurrence: Recurrence | null; errors: FieldErrors } {
  const errors: FieldErrors = {};
  let recurrence: Recurrence | null = null;
  if (draft.rhythm === 'interval') {
    const number = Number(draft.every);
    const every = Math.round(number * SECONDS[draft.unit]);
    if (!draft.every.trim() || !Number.isFinite(every)) {
      errors['recurrence.every'] = 'must be a number';
    }
    recurrence = { kind: 'interval', every, zone: draft.zone };
    if (draft.anchor) {
      recurrence.anchor = draft.anchor;
    }
  } else if (draft.rhythm === 'once') {
    if (!draft.at) {
      errors['recurrence.at'] = 'choose a date and time';
    }
    recurrence = { kind: 'once', at: draft.at, zone: draft.zone };
  } else {
    const expression = cronOf(draft);
    if (!expression) {
      errors['recurrence.expression'] = 'is needed';
    }
    recurrence = { kind: 'cron', expression, zone: draft.zone };
  }
  return { recurrence: Object.keys(errors).length > 0 ? null : recurrence, errors };
}

type Limits = Omit<ScheduleIn, 'name' | 'template' | 'paused'>;

/** All but name and job; `null` takes a limit away. */
function limits(draft: ScheduleDraft): { body: Limits | null; errors: FieldErrors } {
  const { recurrence, errors } = toRecurrence(draft);
  const once = draft.rhythm === 'once';
  const maxRuns = draft.maxRuns.trim()
    ? whole(draft.maxRuns, 'max_runs', errors, 'must be a whole number, or empty')
    : null;
  const missedLimit = whole(draft.missedLimit, 'missed_limit', errors, 'must be a whole number');
  const maxFailures = whole(draft.maxFailures, 'max_failures', errors, 'must be a whole number; 0 is never');
  const horizon = Math.round(Number(draft.missedHours) * 3600);
  if (!draft.missedHours.trim() || !Number.isFinite(horizon)) {
    errors.missed_horizon = 'must be a number of hours';
  }
  if (!recurrence || Object.keys(errors).length > 0) {
    return { body: null, errors };
  }
  const body: Limits = {
    recurrence,
    start_at: once ? null : draft.start || null,
    end_at: once ? null : draft.end || null,
    max_runs: once ? null : maxRuns,
    overlap: draft.overlap,
    missed: draft.missed,
    missed_limit: missedLimit,
    missed_horizon: horizon,
    max_failures: maxFailures
  };
  return { body, errors };
}

export function toSchedule(
  draft: ScheduleDraft,
  template: JobIn
): { body: ScheduleIn | null; errors: FieldErrors } {
  const { body, errors } = limits(draft);
  return { body: body && { ...body, name: template.name, template, paused: draft.paused }, errors };
}

/** What changed against `before`; the job only if it did, for it is then its editor's. */
export function toPatch(
  draft: ScheduleDraft,
  template: JobIn,
  before: ScheduleDetail,
  sent: JobIn | null
): { body: SchedulePatch | null; errors: FieldErrors } {
  const { body, errors } = limits(draft);
  if (!body) {
    return { body: null, errors };
  }
  const old: Partial<Limits> = limits(scheduleDraft(before)).body ?? {};
  const patch: SchedulePatch = { version: before.version };
  for (const key of Object.keys(body) as (keyof Limits)[]) {
    if (JSON.stringify(body[key]) !== JSON.stringify(old[key])) {
      Object.assign(patch, { [key]: body[key] });
    }
  }
  if (template.name !== before.name) {
    patch.name = template.name;
  }
  const plain = (job: JobIn | null) => JSON.stringify({ ...job, name: '' });
  if (plain(template) !== plain(sent)) {
    patch.template = template;
  }
  return { body: patch, errors };
}

/** An instant as the field of the browser wants it, in the zone's own time. */
export function localOf(instant: string | null | undefined, zone: string): string {
  if (!instant) {
    return '';
  }
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23'
  }).formatToParts(new Date(instant));
  const part = (type: string) => parts.find(p => p.type === type)?.value ?? '';
  return `${part('year')}-${part('month')}-${part('day')}T${part('hour')}:${part('minute')}`;
}

/** What the form shows for a schedule that is there. */
export function scheduleDraft(detail: ScheduleDetail): ScheduleDraft {
  const when = detail.recurrence as Record<string, string | number | undefined>;
  const zone = String(when.zone ?? 'UTC');
  const draft: ScheduleDraft = {
    ...emptySchedule(zone),
    start: localOf(detail.start_at, zone),
    end: localOf(detail.end_at, zone),
    maxRuns: detail.max_runs === null ? '' : String(detail.max_runs),
    overlap: detail.overlap,
    missed: detail.missed,
    missedLimit: String(detail.missed_limit),
    missedHours: String(Math.round((detail.missed_horizon / 3600) * 100) / 100),
    maxFailures: String(detail.max_failures)
  };
  if (when.kind === 'cron') {
    return { ...draft, ...presetOf(String(when.expression)) };
  }
  if (when.kind === 'once') {
    return { ...draft, rhythm: 'once', at: String(when.at ?? '').slice(0, 16) };
  }
  const seconds = Number(when.every);
  const unit = (['days', 'hours', 'minutes'] as const).find(u => seconds % SECONDS[u] === 0) ?? 'minutes';
  return {
    ...draft,
    rhythm: 'interval',
    every: String(seconds / SECONDS[unit]),
    unit,
    anchor: String(when.anchor ?? '')
  };
}

/** A due time by the clock of its zone. */
export function dueText(due: DueOut): string {
  const local = new Date(`${due.local.slice(0, 19)}Z`);
  return local.toLocaleString(undefined, {
    timeZone: 'UTC',
    weekday: 'short',
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: local.getUTCSeconds() ? '2-digit' : undefined
  });
}
