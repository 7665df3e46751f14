/** What stands in the fields of a sweep, and the sweep that it makes. Text stays text until it is sent. */

import type { DrawnAxisIn, GridAxisIn, JobIn, JsonValue, SweepIn } from '../api';
import type { FieldErrors } from '../errors';

export type Values = Record<string, JsonValue>;
/** An axis of either kind of space, as it is sent. */
export type AxisIn = Partial<GridAxisIn & DrawnAxisIn>;
export type SpaceIn = Pick<SweepIn, 'grid' | 'random' | 'list' | 'array'>;

export type SweepKind = 'grid' | 'random' | 'list' | 'array';
/** How a parameter's values are given; `between` is for random points only, `steps` and `spread` for grids only. */
export type AxisKind = 'values' | 'steps' | 'spread' | 'between';

export interface AxisDraft {
  name: string;
  kind: AxisKind;
  /** Comma-separated. */
  values: string;
  /** `from` and `to` are also the ends of what is drawn. */
  from: string;
  to: string;
  step: string;
  count: string;
  log: boolean;
  whole: boolean;
}

export interface SweepDraft {
  kind: SweepKind;
  axes: AxisDraft[];
  /** Of random points, and of the array. */
  count: string;
  seed: string;
  /** A point a line. */
  list: string;
  concurrency: string;
  metric: string;
  goal: 'minimize' | 'maximize';
}

export function emptyAxis(name = '', kind: AxisKind = 'values'): AxisDraft {
  return { name, kind, values: '', from: '', to: '', step: '', count: '', log: false, whole: false };
}

export function emptySweep(): SweepDraft {
  return {
    kind: 'grid',
    axes: [emptyAxis()],
    count: '10',
    seed: '',
    list: '',
    concurrency: '0',
    metric: '',
    goal: 'minimize'
  };
}

/** The kinds that an axis can have in a sweep of this kind. */
export function axisKinds(kind: SweepKind): AxisKind[] {
  return kind === 'random' ? ['values', 'between'] : ['values', 'steps', 'spread'];
}

/** Changes the kind of the sweep; axes that cannot stay as they are become what is nearest. */
export function withKind(draft: SweepDraft, kind: SweepKind): SweepDraft {
  const allowed = axisKinds(kind);
  const axes = draft.axes.map(axis =>
    allowed.includes(axis.kind)
      ? axis
      : { ...axis, kind: (kind === 'random' ? 'between' : 'spread') as AxisKind }
  );
  return { ...draft, kind, axes };
}

/** Parts of the text at commas that stand outside quotes and brackets. */
export function splitValues(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  let quote = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quote) {
      part += c;
      if (c === '\\') {
        part += text[++i] ?? '';
      } else if (c === '"') {
        quote = false;
      }
      continue;
    }
    quote = c === '"';
    depth += '[{'.includes(c) ? 1 : ']}'.includes(c) ? -1 : 0;
    if (depth <= 0 && (c === ',' || c === '\n')) {
      parts.push(part);
      part = '';
    } else {
      part += c;
    }
  }
  parts.push(part);
  return parts.map(p => p.trim()).filter(p => p !== '');
}

/** `0.1, 5, true, relu, "a, b", [1, 2]`: what JSON can read is that, everything else is text. */
export function parseValues(text: string): JsonValue[] {
  return splitValues(text).map(part => {
    try {
      return JSON.parse(part) as JsonValue;
    } catch {
      return part;
    }
  });
}

/** A point a line: `{"lr": 0.1, "layers": 2}` or `lr=0.1, layers=2`. */
export function parsePoint(line: string): Values | null {
  if (line.startsWith('{')) {
    try {
      const point = JSON.parse(line) as unknown;
      return typeof point === 'object' && point !== null && !Array.isArray(point) ? (point as Values) : null;
    } catch {
      return null;
    }
  }
  const point: Values = {};
  for (const part of splitValues(line)) {
    const match = /^([A-Za-z_]\w*)\s*=\s*(.+)$/s.exec(part);
    if (!match) {
      return null;
    }
    [point[match[1]]] = parseValues(match[2]);
  }
  return Object.keys(point).length > 0 ? point : null;
}

function number(text: string, key: string, errors: FieldErrors, whole = false): number {
  const value = Number(text);
  if (text.trim() === '') {
    errors[key] = 'is needed';
  } else if (!Number.isFinite(value) || (whole && !Number.isInteger(value))) {
    errors[key] = whole ? 'must be a whole number' : 'must be a number';
  }
  return value;
}

/** The axis as it is sent; what is wrong stands under the names of the service's fields. */
export function toAxis(axis: AxisDraft, key: string, errors: FieldErrors): AxisIn {
  switch (axis.kind) {
    case 'values': {
      const values = parseValues(axis.values);
      if (values.length === 0) {
        errors[key] = 'give at least one value, parted by commas';
      }
      return { values };
    }
    case 'steps':
      return {
        start: number(axis.from, `${key}.start`, errors),
        stop: number(axis.to, `${key}.stop`, errors),
        step: number(axis.step, `${key}.step`, errors)
      };
    case 'spread':
      return {
        start: number(axis.from, `${key}.start`, errors),
        stop: number(axis.to, `${key}.stop`, errors),
        count: number(axis.count, `${key}.count`, errors, true),
        log: axis.log
      };
    case 'between':
      return {
        low: number(axis.from, `${key}.low`, errors),
        high: number(axis.to, `${key}.high`, errors),
        log: axis.log,
        whole: axis.whole
      };
  }
}

function toAxes(draft: SweepDraft, root: string, errors: FieldErrors): Record<string, AxisIn> {
  const axes: Record<string, AxisIn> = {};
  draft.axes.forEach((axis, index) => {
    const name = axis.name.trim();
    if (!name) {
      errors[`axis.${index}`] = 'name the parameter';
    } else if (name in axes) {
      errors[`axis.${index}`] = `${name} stands here twice`;
    } else {
      axes[name] = toAxis(axis, `${root}.${name}`, errors);
    }
  });
  if (draft.axes.length === 0) {
    errors[draft.kind] = 'vary at least one parameter';
  }
  return axes;
}

/** The points that are meant, or what is wrong. */
export function toSpace(draft: SweepDraft, errors: FieldErrors): SpaceIn {
  switch (draft.kind) {
    case 'grid':
      return { grid: toAxes(draft, 'grid', errors) };
    case 'random': {
      const space = toAxes(draft, 'random.space', errors);
      const count = number(draft.count, 'random.count', errors, true);
      const seed = draft.seed.trim() === '' ? {} : { seed: number(draft.seed, 'random.seed', errors, true) };
      return { random: { space, count, ...seed } };
    }
    case 'list': {
      const list: Values[] = [];
      const lines = draft.list.split('\n').map(line => line.trim());
      lines.forEach((line, index) => {
        const point = line ? parsePoint(line) : null;
        if (point) {
          list.push(point);
        } else if (line) {
          errors.list = `line ${index + 1} is neither “name=value, name=value” nor a JSON object`;
        }
      });
      if (list.length === 0 && !errors.list) {
        errors.list = 'give at least one point';
      }
      return { list };
    }
    case 'array':
      return { array: number(draft.count, 'array', errors, true) };
  }
}

/** The whole request. The job's own fields were checked before; `job` still has its name. */
export function toSweep(draft: SweepDraft, job: JobIn): { sweep: SweepIn; errors: FieldErrors } {
  const errors: FieldErrors = {};
  const { name, priority, tags, notes, ...rest } = job;
  const sweep: SweepIn = { name, job: rest, ...toSpace(draft, errors) };
  const concurrency =
    draft.concurrency.trim() === '' ? 0 : number(draft.concurrency, 'concurrency', errors, true);
  sweep.concurrency = concurrency;
  if (draft.metric.trim()) {
    sweep.objective = { metric: draft.metric.trim(), goal: draft.goal };
  }
  // The sweep's own: each of its jobs has them from there.
  if (priority) {
    sweep.priority = priority;
  }
  if (tags?.length) {
    sweep.tags = tags;
  }
  if (notes) {
    sweep.notes = notes;
  }
  return { sweep, errors };
}

/** What is wrong with an axis: at its own field or at one inside it, which is named. */
export function axisError(errors: FieldErrors, index: number, name: string): string {
  if (errors[`axis.${index}`]) {
    return errors[`axis.${index}`];
  }
  for (const [key, text] of Object.entries(errors)) {
    const rest = [`grid.${name}`, `random.space.${name}`, `random.${name}`].find(
      root => name && (key === root || key.startsWith(`${root}.`))
    );
    if (rest) {
      const inner = key.slice(rest.length + 1);
      return inner ? `${FIELD_WORDS[inner] ?? inner}: ${text}` : text;
    }
  }
  return '';
}

const FIELD_WORDS: Record<string, string> = { start: 'from', stop: 'to', low: 'from', high: 'to' };

/** True for errors that a field of the sweep shows. */
export function isSweepError(key: string): boolean {
  return /^(grid|random|list|array|axis|concurrency|objective)(\.|$)/.test(key);
}
