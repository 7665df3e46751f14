import { describe, expect, it } from 'vitest';

import { byDay, latest, whatHappened } from '../activity/words';
import type { ChannelOut } from '../api';
import { channelDraft, eventWords, splitAddresses, toChannel, toPatch } from '../notifications/form';

const HOOK: ChannelOut = {
  name: 'ops',
  kind: 'webhook',
  addresses: [],
  url: 'https://example.org/…',
  has_secret: true,
  events: ['job.failed'],
  enabled: true,
  created_by: 'ann',
  created_at: '2030-01-01T00:00:00Z',
  updated_at: '2030-01-01T00:00:00Z'
};

describe('channels', () => {
  it('take addresses however they are parted', () => {
    expect(splitAddresses(' a@x.org; b@x.org,\na@x.org ')).toEqual(['a@x.org', 'b@x.org']);
    expect(toChannel({ ...channelDraft(), name: ' ops ', addresses: 'a@x.org' })).toEqual({
      name: 'ops',
      kind: 'email',
      addresses: ['a@x.org'],
      events: ['job.failed'],
      enabled: true
    });
  });
  it('send neither a secret that nobody typed nor an address that is masked', () => {
    expect(toPatch(channelDraft(HOOK), HOOK)).toEqual({ events: ['job.failed'], enabled: true });
    const changed = { ...channelDraft(HOOK), secret: 'sixteen letters!', url: 'https://other.org/x' };
    expect(toPatch(changed, HOOK)).toMatchObject({ secret: 'sixteen letters!', url: 'https://other.org/x' });
  });
  it('say their events in words', () => {
    expect(eventWords(['job.failed', 'sweep.ended', 'new.event'])).toBe(
      'a job failed, a sweep ended, new.event'
    );
  });
});

describe('activity', () => {
  it('is told by state, and by reason where that says more', () => {
    expect(whatHappened({ state: 'Failed', reason: 'OutOfMemory', message: '' })).toBe(
      'failed: out of memory'
    );
    expect(whatHappened({ state: 'Succeeded', reason: 'Completed', message: '' })).toBe('succeeded');
    expect(whatHappened({ state: 'Failed', reason: 'ExitCode', message: 'It failed (exit code 3).' })).toBe(
      'failed'
    );
  });
  it('tells of each thing the last', () => {
    const event = (id: string, sequence: number) => ({ kind: 'job', id, sequence });
    expect(latest([event('b', 4), event('a', 3), event('b', 2)]).map(e => e.sequence)).toEqual([4, 3]);
  });
  it('stands under its day', () => {
    const now = new Date(2030, 4, 2, 12).getTime();
    const at = (day: number, hour: number) => ({ at: new Date(2030, 4, day, hour).toISOString() });
    const days = byDay([at(2, 11), at(2, 1), at(1, 23)], now);
    expect(days.map(([title, rows]) => [title, rows.length])).toEqual([
      ['Today', 2],
      ['Yesterday', 1]
    ]);
  });
});
