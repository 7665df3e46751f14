/** What stands in the form, and the job that it makes. Text stays text until it is sent, so that nothing typed is lost. */

import type { CatalogOut, JobIn, JsonValue } from './api';
import { parameterValue, type Parameter } from './parameters';
import { checkText, typedValue, type FieldSpec } from './schema';

export type CopyMode = 'none' | 'all' | 'only';

export interface Row {
  name: string;
  value: string;
}

export interface Draft {
  kind: 'command' | 'notebook';
  /** Plain fields of the schema by name: name, command, timeout_seconds, and those that we do not know yet. */
  texts: Record<string, string>;
  notebookPath: string;
  kernel: string;
  parameters: Parameter[];
  parameterTexts: Record<string, string>;
  /** Parameters that the user added by hand; values are JSON. */
  added: Row[];
  instanceType: string;
  image: string;
  environment: Row[];
  copy: CopyMode;
  directory: string;
  /** One path a line. */
  files: string;
  /** A word on where the parameters came from, or why there are none. */
  parameterNote: string;
}

export type FieldErrors = Record<string, string>;

/** Fields that the form draws in its own way; all others of the schema are drawn as plain ones. */
export const OWN_FIELDS = [
  'name',
  'command',
  'notebook',
  'instance_type',
  'image',
  'environment',
  'working_directory'
];

export function emptyDraft(): Draft {
  return {
    kind: 'command',
    texts: { name: '', command: '' },
    notebookPath: '',
    kernel: '',
    parameters: [],
    parameterTexts: {},
    added: [],
    instanceType: '',
    image: '',
    environment: [],
    copy: 'none',
    directory: '',
    files: '',
    parameterNote: ''
  };
}

/** A draft for a notebook; `path` is relative to the home directory. */
export function notebookDraft(path: string, parameters: Parameter[], parameterNote: string): Draft {
  const slash = path.lastIndexOf('/');
  const file = path.slice(slash + 1);
  const directory = slash < 0 ? '' : path.slice(0, slash);
  return {
    ...emptyDraft(),
    kind: 'notebook',
    texts: { name: file, command: '' },
    notebookPath: file,
    parameters,
    parameterTexts: Object.fromEntries(parameters.map(p => [p.name, p.initial])),
    // The home itself may be large, so a notebook that lies right there goes alone unless the user says otherwise.
    copy: directory === '' ? 'only' : 'all',
    directory,
    files: file,
    parameterNote
  };
}

/** Choices that were not made yet, and choices that are gone, fall to the first that could start. */
export function withChoices(draft: Draft, catalog: CatalogOut): Draft {
  const types = catalog.instance_types;
  const type =
    types.find(t => t.name === draft.instanceType) ??
    types.find(t => t.fits === 'now') ??
    types.find(t => t.fits === 'wait');
  const image = catalog.images.find(i => i.name === draft.image) ?? catalog.images[0];
  return { ...draft, instanceType: type?.name ?? '', image: image?.name ?? '' };
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '');
}

/** The request, or what is wrong with the draft; fields are named as the service names them. */
export function toJob(draft: Draft, specs: FieldSpec[]): { job: JobIn; errors: FieldErrors } {
  const errors: FieldErrors = {};
  const job: JobIn = {
    name: (draft.texts.name ?? '').trim(),
    instance_type: draft.instanceType,
    image: draft.image
  };
  plainFields(draft, specs, job, errors);
  if (!job.name) {
    errors.name = 'is needed';
  }
  if (!job.instance_type) {
    errors.instance_type = 'choose one';
  }
  if (!job.image) {
    errors.image = 'choose one';
  }
  if (draft.kind === 'notebook') {
    if (!draft.notebookPath.trim()) {
      errors['notebook.path'] = 'is needed';
    }
    job.notebook = { path: draft.notebookPath.trim(), parameters: parameters(draft, errors) };
    if (draft.kernel.trim()) {
      job.notebook.kernel = draft.kernel.trim();
    }
  } else {
    job.command = draft.texts.command ?? '';
    if (!job.command.trim()) {
      errors.command = 'is needed';
    }
  }
  const environment = draft.environment.filter(row => row.name.trim() !== '');
  if (environment.length > 0) {
    job.environment = Object.fromEntries(environment.map(row => [row.name.trim(), row.value]));
  }
  if (draft.copy !== 'none') {
    const files = draft.copy === 'only' ? lines(draft.files) : null;
    if (files?.length === 0) {
      errors['working_directory.files'] = 'name at least one file';
    }
    job.working_directory = { path: draft.directory.trim(), files };
  }
  return { job, errors };
}

function plainFields(draft: Draft, specs: FieldSpec[], job: JobIn, errors: FieldErrors): void {
  for (const spec of specs) {
    const text = draft.texts[spec.name] ?? '';
    if (spec.name === 'command' && draft.kind !== 'command') {
      continue;
    }
    const wrong = checkText(spec, text);
    if (wrong && (!OWN_FIELDS.includes(spec.name) || spec.name === 'name' || spec.name === 'command')) {
      errors[spec.name] = wrong;
    } else if (!OWN_FIELDS.includes(spec.name) && text.trim() !== '') {
      Object.assign(job, { [spec.name]: typedValue(spec, text) });
    }
  }
}

/** Only what differs from the notebook: what is not sent stays exactly as it is written there. */
function parameters(draft: Draft, errors: FieldErrors): Record<string, JsonValue> {
  const values: [string, JsonValue][] = [];
  for (const parameter of draft.parameters) {
    const { value, error } = parameterValue(parameter, draft.parameterTexts[parameter.name] ?? '');
    if (error) {
      errors[`notebook.parameters.${parameter.name}`] = error;
    } else if (value !== undefined) {
      values.push([parameter.name, value]);
    }
  }
  draft.added.forEach((row, index) => {
    const name = row.name.trim();
    if (!name) {
      return;
    }
    try {
      values.push([name, JSON.parse(row.value)]);
    } catch {
      errors[`added.${index}`] = 'must be JSON: put text in double quotes';
    }
  });
  return Object.fromEntries(values);
}

/** Where the service says that the fault is; one field, or several. */
export function serverErrors(message: string, details: Record<string, unknown>): FieldErrors {
  const errors: FieldErrors = {};
  if (typeof details.field === 'string' && details.field) {
    errors[normal(details.field)] = message;
  }
  const list = Array.isArray(details.fields)
    ? details.fields
    : Array.isArray(details.errors)
      ? details.errors
      : [];
  for (const entry of list) {
    const { field, message: text } = (entry ?? {}) as { field?: unknown; message?: unknown };
    if (typeof field === 'string' && field) {
      errors[normal(field)] = typeof text === 'string' ? text : message;
    }
  }
  return errors;
}

/** Validators put where they looked (`body`) before the field. */
function normal(field: string): string {
  return field.replace(/^body\./, '');
}

/** The error that stands at a field: its own, or one of something inside it that has no place of its own. */
export function errorAt(errors: FieldErrors, field: string, inner = false): string {
  const own = errors[field];
  if (own || !inner) {
    return own ?? '';
  }
  const key = Object.keys(errors).find(k => k.startsWith(`${field}.`));
  return key ? `${key.slice(field.length + 1)}: ${errors[key]}` : '';
}
