import { describe, expect, it } from 'vitest';

import type { JobIn, ScheduleDetail, TrendPoint } from '../api';
import { dueText, localOf, scheduleDraft, toPatch, toRecurrence, toSchedule } from '../schedules/draft';
import { cronOf, emptySchedule, presetOf, zones, type Rhythm } from '../schedules/rhythm';
import { bars } from '../schedules/spark';

const JOB: JobIn = { name: 'nightly', instance_type: 's', image: 'i', command: 'true' };

describe('presets', () => {
  it.each<[Rhythm, object, string]>([
    ['hourly', { time: '00:05' }, '5 * * * *'],
    ['daily', { time: '06:30' }, '30 6 * * *'],
    ['weekdays', { time: '06:00' }, '0 6 * * 1-5'],
    ['weekly', { time: '23:59', weekday: '0' }, '59 23 * * 0'],
    ['monthly', { time: '00:00', monthday: '31' }, '0 0 31 * *']
  ])('%s is a cron expression and back', (rhythm, part, expression) => {
    expect(cronOf({ ...emptySchedule('UTC'), rhythm, ...part })).toBe(expression);
    expect(presetOf(expression)).toMatchObject({ rhythm, ...part });
  });

  it.each(['*/5 * * * *', '0 6 * 2 *', '0 6,18 * * *', '0 6 1 * 1', 'odd', '', '0 6 * * 1 2'])(
    'leaves “%s” an expression',
    expression => expect(presetOf(expression)).toEqual({ rhythm: 'cron', expression })
  );

  it('knows zones, the given ones first and none twice', () => {
    const known = zones('Europe/Berlin');
    expect(known[0]).toBe('Europe/Berlin');
    expect(new Set(known).size).toBe(known.length);
  });
});

describe('toSchedule', () => {
  it('makes an interval in seconds', () => {
    const draft = {
      ...emptySchedule('UTC'),
      rhythm: 'interval' as const,
      every: '1.5',
      unit: 'hours' as const
    };
    expect(toRecurrence(draft)).toEqual({
      recurrence: { kind: 'interval', every: 5400, zone: 'UTC' },
      errors: {}
    });
  });

  it('has no end and no number of runs for one date', () => {
    const draft = {
      ...emptySchedule('UTC'),
      rhythm: 'once' as const,
      at: '2030-01-01T08:00',
      end: '2029-01-01T00:00',
      maxRuns: '3'
    };
    expect(toSchedule(draft, JOB).body).toMatchObject({ end_at: null, max_runs: null, name: 'nightly' });
  });

  it('names what is wrong as the service does', () => {
    const draft = { ...emptySchedule('UTC'), maxRuns: 'x', missedHours: '', maxFailures: '1.5' };
    expect(Object.keys(toSchedule({ ...draft, rhythm: 'once' }, JOB).errors).sort()).toEqual([
      'max_failures',
      'max_runs',
      'missed_horizon',
      'recurrence.at'
    ]);
    const interval = { ...draft, rhythm: 'interval' as const, every: 'often' };
    expect(toSchedule(interval, JOB).errors).toHaveProperty('recurrence.every');
    expect(toSchedule(interval, JOB).body).toBeNull();
  });
});

const DETAIL = {
  name: 'nightly',
  recurrence: { kind: 'interval', every: 7200, anchor: '2030-01-01T08:00:12', zone: 'Europe/Berlin' },
  start_at: null,
  end_at: '2030-06-30T22:00:00Z',
  max_runs: 5,
  overlap: 'allow',
  missed: 'all',
  missed_limit: 3,
  missed_horizon: 5400,
  max_failures: 0,
  version: 4
} as unknown as ScheduleDetail;

describe('toPatch', () => {
  it('sends only what changed, so that the jobs stay their owner’s', () => {
    const draft = scheduleDraft(DETAIL);
    expect(draft).toMatchObject({ rhythm: 'interval', every: '2', unit: 'hours', end: '2030-07-01T00:00' });
    expect(toPatch(draft, JOB, DETAIL, JOB).body).toEqual({ version: 4 });
    expect(toPatch({ ...draft, maxRuns: '' }, { ...JOB, name: 'n' }, DETAIL, JOB).body).toEqual({
      version: 4,
      max_runs: null,
      name: 'n'
    });
    expect(toPatch(draft, { ...JOB, command: 'false' }, DETAIL, JOB).body).toHaveProperty('template');
  });
});

describe('times', () => {
  it('are those of the zone’s clock', () => {
    expect(localOf('2030-01-01T00:00:00Z', 'Asia/Tokyo')).toBe('2030-01-01T09:00');
    expect(localOf(null, 'UTC')).toBe('');
    expect(dueText({ at: '', local: '2030-03-31T03:00:00+02:00', note: '' })).toMatch(/31.*03:00|3:00/);
  });
});

describe('bars', () => {
  it('are as high as runs took, and none is invisible', () => {
    const point = (seconds: number | null) => ({ due_at: '', state: 'Failed', seconds }) as TrendPoint;
    const drawn = bars([point(10), point(5), point(null)], 240, 44);
    expect(drawn[0].height).toBe(43);
    expect(drawn[0].height).toBeGreaterThan(drawn[1].height);
    expect(drawn[2].height).toBeGreaterThan(0);
    const many = bars(
      Array.from({ length: 50 }, () => point(1)),
      240,
      44
    );
    expect(many[49].x + many[49].width).toBeLessThanOrEqual(240);
  });
});
