/** Typed parameters as fields of a form, and the fields' text as values. The service reads notebooks and has the types. */

import type { JsonValue, ParameterIn, ParameterOut } from './api';

export type Parameter = ParameterOut;

interface NotebookLike {
  cells?: unknown;
}

interface CellLike {
  source?: string | string[];
  metadata?: { tags?: unknown };
}

/** Source of the first cell tagged `parameters` (papermill's convention); null without one. */
export function parametersCell(notebook: NotebookLike): string | null {
  const cells = Array.isArray(notebook.cells) ? (notebook.cells as CellLike[]) : [];
  const cell = cells.find(c => Array.isArray(c.metadata?.tags) && c.metadata.tags.includes('parameters'));
  if (!cell) {
    return null;
  }
  return Array.isArray(cell.source) ? cell.source.join('') : (cell.source ?? '');
}

const plain = (parameter: Parameter) => !['list', 'object', 'any'].includes(parameter.type);

/** A value as the field of its parameter shows it. */
export function textOf(parameter: Parameter, value: unknown): string {
  if (value === undefined || (value === null && (plain(parameter) || parameter.default === null))) {
    return '';
  }
  return plain(parameter) && parameter.type !== 'choice' && typeof value !== 'object'
    ? String(value)
    : JSON.stringify(value);
}

/** What the field shows first; left like this it is not sent, and the program's own value stands. */
export function initialText(parameter: Parameter): string {
  return textOf(parameter, parameter.default);
}

export interface ParameterValue {
  /** Absent: leave the program's own value. */
  value?: JsonValue;
  error?: string;
}

/** The value of a field's text; never one of another type or beyond the limits that the parameter names. */
export function parameterValue(parameter: Parameter, text: string): ParameterValue {
  if (text === initialText(parameter)) {
    return parameter.required && text === '' ? { error: 'is needed' } : {};
  }
  if (text.trim() === '' && parameter.type !== 'text') {
    return parameter.required ? { error: 'is needed' } : parameter.nullable ? { value: null } : {};
  }
  switch (parameter.type) {
    case 'text':
      return bounded(parameter, text, text.length, 'have a length of');
    case 'boolean':
      return { value: text === 'true' };
    case 'integer':
    case 'number':
      return numeric(parameter, text);
    default:
      return json(parameter, text);
  }
}

function numeric(parameter: Parameter, text: string): ParameterValue {
  const value = Number(text);
  if (!Number.isFinite(value)) {
    return { error: 'must be a number' };
  }
  if (parameter.type === 'integer' && !Number.isInteger(value)) {
    return { error: 'must be a whole number' };
  }
  return bounded(parameter, value, value, 'be');
}

function json(parameter: Parameter, text: string): ParameterValue {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return { error: 'must be JSON: put text in double quotes' };
  }
  if (parameter.type === 'list' && !Array.isArray(value)) {
    return { error: 'must be a list, such as [1, 2]' };
  }
  if (parameter.type === 'object' && (typeof value !== 'object' || value === null || Array.isArray(value))) {
    return { error: 'must be an object, such as {"a": 1}' };
  }
  return Array.isArray(value) ? bounded(parameter, value, value.length, 'have a length of') : { value };
}

function bounded(parameter: Parameter, value: JsonValue, amount: number, verb: string): ParameterValue {
  const { minimum, maximum } = parameter;
  if (typeof minimum === 'number' && amount < minimum) {
    return { error: `must ${verb} at least ${minimum}` };
  }
  if (typeof maximum === 'number' && amount > maximum) {
    return { error: `must ${verb} at most ${maximum}` };
  }
  return { value };
}

/** Type and limits in words, for the help under the field. */
export function typeWords(parameter: Parameter): string {
  const { minimum: low, maximum: high } = parameter;
  const limits =
    typeof low === 'number' && typeof high === 'number'
      ? ` from ${low} to ${high}`
      : typeof low === 'number'
        ? `, at least ${low}`
        : typeof high === 'number'
          ? `, at most ${high}`
          : '';
  const words: Record<Parameter['type'], string> = {
    text: limits ? `text, length${limits}` : '',
    integer: `whole number${limits}`,
    number: limits ? `number${limits}` : '',
    boolean: '',
    choice: '',
    list: `list${parameter.items ? ` of ${parameter.items}` : ''} as JSON${limits && `, length${limits}`}`,
    object: 'object as JSON',
    any: 'as JSON; left empty, the program’s own value stands'
  };
  return words[parameter.type];
}

/** As it is declared in a request. */
export function declared(parameter: Parameter): ParameterIn {
  return Object.fromEntries(Object.entries(parameter).filter(([key]) => key !== 'name')) as ParameterIn;
}
