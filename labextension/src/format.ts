/** Amounts, times and states in words. */

import type { JobState, QuotaLine } from './api';

const KI = 1024;
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
const SUFFIX: Record<string, number> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: KI,
  Mi: KI ** 2,
  Gi: KI ** 3,
  Ti: KI ** 4,
  Pi: KI ** 5,
  Ei: KI ** 6
};

/** At most two decimals, no trailing zeros. */
export function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** `bytes(1536)` is `1.5 KiB`. */
export function bytes(value: number): string {
  let unit = 0;
  while (value >= KI && unit < BINARY.length - 1) {
    value /= KI;
    unit++;
  }
  return `${short(value)} ${BINARY[unit]}`;
}

/** The number behind quantity text such as `500m`, `8Gi` or `2`; null if it is not one. */
export function parseQuantity(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?(?:e\d+)?)([a-zA-Z]*)$/.exec(text.trim());
  if (!match || (match[2] && !(match[2] in SUFFIX))) {
    return null;
  }
  return Number(match[1]) * (match[2] ? SUFFIX[match[2]] : 1);
}

/** The noun that follows an amount of a resource. */
export function resourceNoun(resource: string, plural = true): string {
  if (resource === 'cpu') {
    return 'CPU';
  }
  if (resource.startsWith('count/')) {
    const word = resource.slice('count/'.length);
    return plural ? word : word.replace(/s$/, '');
  }
  if (/\/gpu$/i.test(resource)) {
    return 'GPU';
  }
  return resource;
}

/** One resource's amount from quantity text: `1.5 CPU`, `8 GiB memory`. */
export function quantity(resource: string, text: string): string {
  const value = parseQuantity(text);
  const amount =
    value === null ? text : resource === 'memory' || resource === 'storage' ? bytes(value) : short(value);
  return `${amount} ${resourceNoun(resource, value !== 1)}`;
}

/** All resources of a workload in one line, CPU and memory first. */
export function resourceList(resources: Record<string, string>): string {
  const order = (name: string) => (name === 'cpu' ? 0 : name === 'memory' ? 1 : 2);
  return Object.entries(resources)
    .sort(([a], [b]) => order(a) - order(b) || a.localeCompare(b))
    .map(([name, text]) => quantity(name, text))
    .join(', ');
}

/** `1.5 / 4 CPU`; both numbers in one unit so that they can be compared at a glance. */
export function quotaText(line: QuotaLine): string {
  const plural = (line.limit ?? line.used) !== 1;
  const noun = resourceNoun(line.resource, plural);
  if (line.limit === 0 && line.used === 0) {
    return `no ${noun} allowed`;
  }
  const [used, limit, unit] = sameUnit(line);
  return limit === null ? `${used}${unit} ${noun}, no limit` : `${used} / ${limit}${unit} ${noun}`;
}

function sameUnit(line: QuotaLine): [string, string | null, string] {
  let divisor = 1;
  let unit = '';
  if (line.unit === 'millicores') {
    divisor = 1000;
  } else if (line.unit === 'bytes') {
    // Zero has no size of its own; a limit gives the scale where there is one.
    const scale = Math.max(line.limit ?? line.used, 1);
    const power = Math.min(Math.floor(Math.log2(scale) / 10), BINARY.length - 1);
    divisor = KI ** power;
    unit = ` ${BINARY[power]}`;
  }
  return [short(line.used / divisor), line.limit === null ? null : short(line.limit / divisor), unit];
}

/** `1h 5m`; the two largest units are enough. */
export function duration(milliseconds: number): string {
  const total = Math.max(0, Math.floor(milliseconds / 1000));
  const units: [number, string][] = [
    [Math.floor(total / 86400), 'd'],
    [Math.floor(total / 3600) % 24, 'h'],
    [Math.floor(total / 60) % 60, 'm'],
    [total % 60, 's']
  ];
  const first = units.findIndex(([n]) => n > 0);
  if (first < 0) {
    return '0s';
  }
  return units
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => n + unit)
    .join(' ');
}

export function age(since: string, now: number): string {
  return `${duration(now - Date.parse(since))} ago`;
}

/** The user's own notation; the exact instant belongs in a tooltip. */
export function dateTime(text: string | null | undefined): string {
  return text ? new Date(text).toLocaleString() : '–';
}

export const FINAL_STATES: readonly JobState[] = ['Succeeded', 'Failed', 'Cancelled'];

export function isFinal(state: string): boolean {
  return (FINAL_STATES as readonly string[]).includes(state);
}

/** Reasons are CamelCase for programs: `OutOfMemory` becomes `out of memory`. */
export function reasonWords(reason: string): string {
  return reason.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}

/** Compares dotted versions by their numbers; what follows the numbers is not compared. */
export function compareVersions(a: string, b: string): number {
  const parts = (v: string) => v.split('.').map(p => parseInt(p, 10) || 0);
  const [x, y] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const difference = (x[i] ?? 0) - (y[i] ?? 0);
    if (difference) {
      return difference;
    }
  }
  return 0;
}
