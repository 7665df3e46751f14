/** Events in plain words. */

import type { ActivityOut } from '../api';
import { reasonWords } from '../format';

/** The kinds that a feed can be narrowed to. */
export const KINDS: readonly [string, string][] = [
  ['', 'Everything'],
  ['job', 'Jobs'],
  ['schedule', 'Schedules'],
  ['sweep', 'Sweeps'],
  ['server', 'Servers']
];

/** What became of it: the state, and the reason where that says more and no message does. */
export function whatHappened(event: Pick<ActivityOut, 'state' | 'reason' | 'message'>): string {
  const state = event.state.toLowerCase();
  const reason = reasonWords(event.reason);
  const obvious = ['', 'completed', 'started', 'submitted', 'admitted', 'cancelled', state];
  return event.message || obvious.includes(reason) || reason.includes(state) ? state : `${state}: ${reason}`;
}

/** The day that a moment lies on, in the reader's own zone. */
export function day(at: string, now: number): string {
  const date = new Date(at);
  const start = (t: Date) => new Date(t.getFullYear(), t.getMonth(), t.getDate()).getTime();
  const days = Math.round((start(new Date(now)) - start(date)) / 86_400_000);
  return days === 0
    ? 'Today'
    : days === 1
      ? 'Yesterday'
      : date.toLocaleDateString(undefined, {
          weekday: 'long',
          day: 'numeric',
          month: 'long',
          year: 'numeric'
        });
}

/** Of each object what happened to it last; the items are the newest first. */
export function latest<T extends { kind: string; id: string }>(items: readonly T[]): T[] {
  const seen = new Set<string>();
  return items.filter(({ kind, id }) => {
    const key = `${kind}/${id}`;
    const first = !seen.has(key);
    seen.add(key);
    return first;
  });
}

/** Rows of one day together, in the order in which they come. */
export function byDay<T extends { at: string }>(items: readonly T[], now: number): [string, T[]][] {
  const days: [string, T[]][] = [];
  for (const item of items) {
    const title = day(item.at, now);
    if (days[days.length - 1]?.[0] !== title) {
      days.push([title, []]);
    }
    days[days.length - 1][1].push(item);
  }
  return days;
}
