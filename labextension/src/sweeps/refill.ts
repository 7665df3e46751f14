/** The fields of a sweep filled from one that was. */

import type { AxisIn, SpaceIn } from './axis';
import type { JsonValue } from '../api';
import { emptyAxis, emptySweep, parseValues, type AxisDraft, type SweepDraft } from './axis';

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}

/** Values as they are typed: text that would be read as something else is quoted. */
export function valuesText(values: readonly JsonValue[]): string {
  return values
    .map(value => {
      if (typeof value !== 'string') {
        return JSON.stringify(value);
      }
      const [read, ...more] = parseValues(value);
      return more.length === 0 && read === value ? value : JSON.stringify(value);
    })
    .join(', ');
}

function fromAxis(name: string, axis: AxisIn): AxisDraft {
  const base = emptyAxis(name);
  if (axis.values) {
    return { ...base, values: valuesText(axis.values) };
  }
  if (axis.low !== undefined) {
    const { low, high, log = false, whole = false } = axis;
    return { ...base, kind: 'between', from: text(low), to: text(high), log, whole };
  }
  const ends = { from: text(axis.start), to: text(axis.stop) };
  return axis.step !== undefined && axis.step !== null
    ? { ...base, ...ends, kind: 'steps', step: text(axis.step) }
    : { ...base, ...ends, kind: 'spread', count: text(axis.count), log: axis.log ?? false };
}

/** The fields filled from a sweep that was, for another one like it. */
export function fromSweep(
  space: SpaceIn,
  rest: { concurrency: number; objective: { metric: string; goal: 'minimize' | 'maximize' } | null }
): SweepDraft {
  const draft: SweepDraft = {
    ...emptySweep(),
    concurrency: String(rest.concurrency),
    metric: rest.objective?.metric ?? '',
    goal: rest.objective?.goal ?? 'minimize'
  };
  const axes = (found: Record<string, AxisIn>) => Object.entries(found).map(([n, a]) => fromAxis(n, a));
  if (space.random) {
    const { count, seed } = space.random;
    return { ...draft, kind: 'random', axes: axes(space.random.space), count: text(count), seed: text(seed) };
  }
  if (space.list) {
    return { ...draft, kind: 'list', list: space.list.map(point => JSON.stringify(point)).join('\n') };
  }
  if (typeof space.array === 'number') {
    return { ...draft, kind: 'array', count: String(space.array) };
  }
  return { ...draft, axes: axes(space.grid ?? {}) };
}
