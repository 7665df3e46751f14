/** Where a value stands on an axis, and which values get a label. */

import { bytes, duration } from '../format';

/** What the numbers of an axis are. */
export type Kind = 'number' | 'seconds' | 'bytes' | 'percent';

export interface Scale {
  min: number;
  max: number;
  ticks: number[];
  /** 0 at the axis' start, 1 at its end. */
  place: (value: number) => number;
  format: (value: number) => string;
}

const KI = 1024;
const STEPS_OF_TIME = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400];

/** The smallest of 1, 2, 5, 10, 20, 50 … that is not below `raw`. */
export function niceStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  const share = raw / power;
  // A hair of tolerance: 0.3 / 3 is a little more than 0.1.
  const factor = [1, 2, 5].find(f => share <= f * (1 + 1e-9)) ?? 10;
  return factor * power;
}

/** Multiples of `step` from at or below `min` to at or above `max`, each rounded to what it is meant to be. */
function multiples(min: number, max: number, step: number): number[] {
  const first = Math.floor(min / step + 1e-9);
  const last = Math.ceil(max / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** About `count` ticks at round values around the range; a range of one value is widened. */
export function niceTicks(min: number, max: number, count = 5, kind: Kind = 'number'): number[] {
  if (min === max) {
    const room = min === 0 ? 1 : Math.abs(min) * 0.1;
    [min, max] = [min - room, max + room];
  }
  const raw = (max - min) / Math.max(1, count);
  if (kind === 'seconds') {
    const step = STEPS_OF_TIME.find(s => s >= raw) ?? niceStep(raw / 86400) * 86400;
    return multiples(min, max, step);
  }
  if (kind === 'bytes' && raw >= 1) {
    const unit = KI ** Math.floor(Math.log(raw) / Math.log(KI));
    const step = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].find(s => s * unit >= raw) ?? 1024;
    return multiples(min, max, step * unit);
  }
  return multiples(min, max, niceStep(raw));
}

/** Powers of ten, with 2 and 5 between them where they are few, thinned where they are many. */
export function logTicks(min: number, max: number, count = 6): number[] {
  const [low, high] = [Math.floor(Math.log10(min) + 1e-9), Math.ceil(Math.log10(max) - 1e-9)];
  const top = Math.max(high, low + 1);
  const decades = top - low;
  const every = Math.max(1, Math.ceil(decades / count));
  const factors = decades <= 2 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = low; power < top + every; power += every) {
    factors.forEach(f => ticks.push(Number((f * 10 ** power).toPrecision(12))));
  }
  // Axes end at the tick next to the data, not at the next decade.
  const from = ticks.filter(t => t <= min * (1 + 1e-9)).pop() ?? ticks[0];
  const to = ticks.find(t => t >= max * (1 - 1e-9) && t > from) ?? ticks[ticks.length - 1];
  return ticks.filter(t => t >= from && t <= to);
}

/** A number as short as its neighbours allow: `step` is their distance, 0 if there are none. */
export function formatNumber(value: number, step = 0): string {
  if (value === 0) {
    return '0';
  }
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) {
    return trim(value.toExponential(3));
  }
  const digits = step > 0 ? Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) : 0;
  return step > 0 ? value.toFixed(Math.min(digits, 10)) : trim(value.toPrecision(5));
}

function trim(text: string): string {
  const [mantissa, exponent] = text.split('e');
  const short = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  return exponent === undefined ? short : `${short}e${exponent.replace('+', '')}`;
}

/** A value in words of its kind, as exact as is useful. */
export function formatValue(value: number, kind: Kind = 'number'): string {
  switch (kind) {
    case 'seconds':
      return duration(value * 1000);
    case 'bytes':
      return bytes(value);
    case 'percent':
      return `${formatNumber(Math.round(value * 1000) / 10)} %`;
    default:
      return formatNumber(value);
  }
}

function tickText(kind: Kind, step: number): (value: number) => string {
  switch (kind) {
    case 'number':
      return value => formatNumber(value, step);
    case 'percent':
      return value => `${formatNumber(value * 100, step * 100)} %`;
    default:
      return value => (kind === 'bytes' && value === 0 ? '0' : formatValue(value, kind));
  }
}

/** An axis whose ends are ticks. */
export function linearScale(min: number, max: number, count = 5, kind: Kind = 'number'): Scale {
  const ticks = niceTicks(min, max, count, kind);
  const [low, high] = [ticks[0], ticks[ticks.length - 1]];
  const span = high - low || 1;
  return {
    min: low,
    max: high,
    ticks,
    place: value => (value - low) / span,
    format: tickText(kind, ticks.length > 1 ? ticks[1] - ticks[0] : 0)
  };
}

/** An axis that ends where the data ends, for times and steps: only ticks inside it are drawn. */
export function tightScale(min: number, max: number, count = 6, kind: Kind = 'number', whole = false): Scale {
  if (min === max) {
    return linearScale(min, max, count, kind);
  }
  const ticks = niceTicks(min, max, count, kind).filter(
    t => t >= min && t <= max && (!whole || Number.isInteger(t))
  );
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 0;
  return { min, max, ticks, place: value => (value - min) / (max - min), format: tickText(kind, step) };
}

/** A logarithmic axis; only values above 0 have a place on it. */
export function logScale(min: number, max: number, count = 6, kind: Kind = 'number'): Scale {
  const ticks = logTicks(min, max, count);
  const [low, high] = [Math.log10(ticks[0]), Math.log10(ticks[ticks.length - 1])];
  const span = high - low || 1;
  return {
    min: ticks[0],
    max: ticks[ticks.length - 1],
    ticks,
    place: value => (Math.log10(value) - low) / span,
    format: value => formatValue(value, kind)
  };
}

/** Smallest and largest; null if there is nothing finite. */
export function extent(values: Iterable<number>): [number, number] | null {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    if (Number.isFinite(value)) {
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  return min <= max ? [min, max] : null;
}
