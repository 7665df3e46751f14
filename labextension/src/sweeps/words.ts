/** How far a sweep is, and its points in order. */

import type { Values } from './axis';
import type { PointOut, SweepOut } from '../api';
import { isFinal } from '../format';
import { formatNumber } from '../plots/scale';

/** In the order of a job's life; what has no job yet is `waiting`. */
export const STATES = ['Succeeded', 'Failed', 'Cancelled', 'Running', 'Preparing', 'Pending'] as const;

/** What a point is that has no job. */
export function withoutJob(state: string): string {
  return isFinal(state) ? 'never made' : 'to come';
}

export interface Part {
  state: string;
  count: number;
  share: number;
}

/** What each state's share of the points is; the rest has not been made yet. */
export function parts(sweep: Pick<SweepOut, 'counts' | 'total' | 'state'>): Part[] {
  const total = Math.max(1, sweep.total);
  const found: Part[] = STATES.map(state => {
    const count = sweep.counts[state] ?? 0;
    return { state, count, share: count / total };
  }).filter(part => part.count > 0);
  const made = found.reduce((n, part) => n + part.count, 0);
  if (made < sweep.total) {
    const state = withoutJob(sweep.state);
    found.push({ state, count: sweep.total - made, share: (sweep.total - made) / total });
  }
  return found;
}

/** `4 of 9 ended` and what the rest does. */
export function progressText(sweep: Pick<SweepOut, 'counts' | 'total' | 'state'>): string {
  const ended = ['Succeeded', 'Failed', 'Cancelled'].reduce((n, s) => n + (sweep.counts[s] ?? 0), 0);
  const rest = parts(sweep)
    .filter(part => part.state !== 'Succeeded')
    .map(part => `${part.count} ${part.state.toLowerCase()}`);
  return [`${ended} of ${sweep.total} ended`, ...rest].join(', ');
}

export function valueText(value: unknown): string {
  return typeof value === 'number'
    ? formatNumber(value)
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);
}

/** `lr 0.1, layers 2`. */
export function pointText(values: Values): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ');
}

export interface Order {
  /** `point`, `state`, `value`, or `=name` of a parameter. */
  by: string;
  down: boolean;
}

function keyOf(point: PointOut, by: string): unknown {
  if (by === 'state') {
    return point.state;
  }
  if (by === 'value') {
    return point.value;
  }
  return by === 'point' ? point.point : point.values[by.slice(1)];
}

/** Sorted by a column; what has nothing there comes last, whichever way. */
export function sorted(points: readonly PointOut[], order: Order): PointOut[] {
  const sign = order.down ? -1 : 1;
  const none = (value: unknown) => value === null || value === undefined;
  return [...points].sort((a, b) => {
    const [x, y] = [keyOf(a, order.by), keyOf(b, order.by)];
    if (none(x) || none(y)) {
      return Number(none(x)) - Number(none(y)) || a.point - b.point;
    }
    const difference =
      typeof x === 'number' && typeof y === 'number'
        ? x - y
        : String(x).localeCompare(String(y), undefined, { numeric: true });
    return sign * difference || a.point - b.point;
  });
}

/** The parameters that points have, in the order in which they first appear. */
export function parameterNames(points: readonly PointOut[]): string[] {
  return [...new Set(points.flatMap(point => Object.keys(point.values)))];
}
