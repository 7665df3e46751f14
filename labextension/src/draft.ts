/** What stands in the form, and the job that it makes. Text stays text until it is sent, so that nothing typed is lost. */

import type { CatalogOut, Ending, JobIn, JsonValue, Need, RetryOn } from './api';
import { declared, initialText, parameterValue, type Parameter } from './parameters';
import { emptySchedule, type ScheduleDraft } from './schedules/rhythm';
import { emptySweep, type SweepDraft } from './sweeps/axis';
import { checkText, typedValue, type FieldSpec } from './schema';
import type { ChosenDataset } from './datasets/chosen';
import type { FieldErrors } from './errors';
import { more } from './draftMore';

export type CopyMode = 'none' | 'all' | 'only';

export interface Row {
  name: string;
  value: string;
}

/** After which failures again, and how long that waits; texts as typed. */
export interface RetryDraft {
  on: RetryOn[];
  exitCodes: string;
  base: string;
  factor: string;
  longest: string;
}

export interface DependsDraft {
  jobs: { id: string; name: string }[];
  need: Need;
  ending: Ending;
}

export type JobEnd = 'succeeded' | 'failed' | 'cancelled' | 'done';

/** Whom to tell about which ends: a channel of the group, or `me`. */
export interface NotifyDraft {
  channel: string;
  on: JobEnd[];
}

export interface Draft {
  kind: 'command' | 'notebook';
  when: 'once' | 'schedule' | 'sweep';
  schedule: ScheduleDraft;
  sweep: SweepDraft;
  /** Plain fields of the schema by name: name, command, timeout_seconds, and those that we do not know yet. */
  texts: Record<string, string>;
  notebookPath: string;
  kernel: string;
  /** Source of the notebook's parameters cell, for the service to read; null without one. */
  cell: string | null;
  /** Of the cell, or as they were declared for a job. */
  parameters: Parameter[];
  /** The declarations go along: they are the job's own and not those of a cell. */
  declared: boolean;
  parameterTexts: Record<string, string>;
  /** Parameters that the user added by hand; values are JSON. */
  added: Row[];
  instanceType: string;
  image: string;
  environment: Row[];
  /** Name in the environment, and name of the group's secret. */
  secrets: Row[];
  retry: RetryDraft;
  depends: DependsDraft;
  tags: string[];
  notify: NotifyDraft[];
  /** Null: all that the group was granted, as they are. */
  datasets: ChosenDataset[] | null;
  copy: CopyMode;
  directory: string;
  /** One path a line. */
  files: string;
  /** A word on where the parameters came from, or why there are none. */
  parameterNote: string;
}

/** Fields of a request that are put together from several of the form. */
export const COMPOSED = [
  'name',
  'command',
  'notebook',
  'instance_type',
  'image',
  'environment',
  'working_directory',
  'parameters',
  'values',
  'secrets',
  'retry',
  'depends_on',
  'tags',
  'notify',
  'datasets'
];
/** Those that the form draws in its own way; all others of the schema are drawn as plain ones. */
export const OWN_FIELDS = [...COMPOSED, 'timeout_seconds', 'retries', 'priority', 'notes'];
export const RETRY_ON: RetryOn[] = ['exit_code', 'signal', 'out_of_memory', 'timeout', 'lost'];

export function emptyDraft(): Draft {
  return {
    kind: 'command',
    when: 'once',
    schedule: emptySchedule(),
    sweep: emptySweep(),
    texts: { name: '', command: '' },
    notebookPath: '',
    kernel: '',
    cell: null,
    parameters: [],
    declared: false,
    parameterTexts: {},
    added: [],
    instanceType: '',
    image: '',
    environment: [],
    secrets: [],
    retry: { on: RETRY_ON, exitCodes: '', base: '0', factor: '2', longest: '3600' },
    depends: { jobs: [], need: 'all', ending: 'succeeded' },
    tags: [],
    notify: [],
    datasets: null,
    copy: 'none',
    directory: '',
    files: '',
    parameterNote: ''
  };
}

/** A draft for a notebook; `path` is relative to the home directory. */
export function notebookDraft(path: string, cell: string | null): Draft {
  const slash = path.lastIndexOf('/');
  const file = path.slice(slash + 1);
  const directory = slash < 0 ? '' : path.slice(0, slash);
  return {
    ...emptyDraft(),
    kind: 'notebook',
    texts: { name: file, command: '' },
    notebookPath: file,
    cell,
    // The home itself may be large, so a notebook that lies right there goes alone unless the user says otherwise.
    copy: directory === '' ? 'only' : 'all',
    directory,
    files: file,
    parameterNote:
      cell === null
        ? 'No cell of this notebook has the tag “parameters”. Tag the cell with the default values to get fields for them.'
        : 'Reading the cell tagged “parameters” …'
  };
}

/** The draft with what the service read out of its cell; what was typed meanwhile stays. */
export function withParameters(draft: Draft, found: { readable: boolean; items: Parameter[] }): Draft {
  const note = !found.readable
    ? 'The cell tagged “parameters” is not Python; add parameters by name.'
    : found.items.length > 0
      ? 'From the cell tagged “parameters”. What you do not change keeps the notebook’s value.'
      : 'The cell tagged “parameters” assigns nothing.';
  const initial = found.items.map(p => [p.name, initialText(p)]);
  return {
    ...draft,
    parameters: found.items,
    parameterTexts: { ...Object.fromEntries(initial), ...draft.parameterTexts },
    parameterNote: note
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
  const values = parameters(draft, errors);
  if (draft.kind === 'notebook') {
    if (!draft.notebookPath.trim()) {
      errors['notebook.path'] = 'is needed';
    }
    job.notebook = { path: draft.notebookPath.trim(), parameters: values };
    if (draft.kernel.trim()) {
      job.notebook.kernel = draft.kernel.trim();
    }
  } else {
    job.command = draft.texts.command ?? '';
    if (!job.command.trim()) {
      errors.command = 'is needed';
    }
    if (Object.keys(values).length > 0) {
      job.values = values;
    }
  }
  if (draft.declared && draft.parameters.length > 0) {
    job.parameters = Object.fromEntries(draft.parameters.map(p => [p.name, declared(p)]));
  }
  if (draft.copy !== 'none') {
    const files = draft.copy === 'only' ? lines(draft.files) : null;
    if (files?.length === 0) {
      errors['working_directory.files'] = 'name at least one file';
    }
    job.working_directory = { path: draft.directory.trim(), files };
  }
  more(draft, job, errors);
  return { job, errors };
}

function plainFields(draft: Draft, specs: FieldSpec[], job: JobIn, errors: FieldErrors): void {
  for (const spec of specs) {
    const text = draft.texts[spec.name] ?? '';
    if (spec.name === 'command' && draft.kind !== 'command') {
      continue;
    }
    const wrong = checkText(spec, text);
    const composed = COMPOSED.includes(spec.name);
    if (wrong && (!composed || spec.name === 'name' || spec.name === 'command')) {
      errors[spec.name] = wrong;
    } else if (!composed && text.trim() !== '') {
      Object.assign(job, { [spec.name]: typedValue(spec, text) });
    }
  }
}

/** Where errors of values stand. */
export function valuesField(draft: Draft): string {
  return draft.kind === 'notebook' ? 'notebook.parameters' : 'values';
}

/** Only what differs from the program's own: what is not sent stays exactly as it is written there. */
function parameters(draft: Draft, errors: FieldErrors): Record<string, JsonValue> {
  const values: [string, JsonValue][] = [];
  for (const parameter of draft.parameters) {
    const { value, error } = parameterValue(parameter, draft.parameterTexts[parameter.name] ?? '');
    if (error) {
      errors[`${valuesField(draft)}.${parameter.name}`] = error;
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
