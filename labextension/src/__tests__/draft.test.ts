import { describe, expect, it } from 'vitest';

import type { CatalogOut, InstanceTypeOut, JobDetail, JobIn } from '../api';
import { cloneDraft, draftOf } from '../clone';
import { emptyDraft, notebookDraft, toJob, withChoices, withParameters } from '../draft';
import { errorAt, serverErrors } from '../errors';
import type { Parameter } from '../parameters';
import { checkText, fieldsOf } from '../schema';

const DOCUMENT = {
  components: {
    schemas: {
      Inner: { type: 'object', description: 'inner', properties: {} },
      JobIn: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', title: 'Name', maxLength: 5 },
          notebook: { anyOf: [{ $ref: '#/components/schemas/Inner' }, { type: 'null' }], title: 'Notebook' },
          timeout_seconds: { type: 'integer', title: 'Time limit', minimum: 0, maximum: 100, default: 0 },
          priority: { anyOf: [{ type: 'integer' }, { type: 'null' }], title: 'Priority', default: null },
          loop: { $ref: '#/components/schemas/Loop' }
        }
      },
      Loop: { $ref: '#/components/schemas/Loop' }
    }
  }
};
const SPECS = fieldsOf(DOCUMENT, 'JobIn');
const parameter = (name: string, type: Parameter['type'], value: unknown): Parameter => ({
  name,
  type,
  default: value,
  required: false,
  nullable: false,
  description: ''
});

describe('schema', () => {
  it('resolves references and unions with null', () => {
    expect(SPECS.map(s => [s.name, s.type, s.title, s.required])).toEqual([
      ['name', 'string', 'Name', true],
      ['notebook', 'object', 'Notebook', false],
      ['timeout_seconds', 'integer', 'Time limit', false],
      ['priority', 'integer', 'Priority', false],
      ['loop', 'unknown', 'loop', false]
    ]);
    expect(fieldsOf({}, 'JobIn')).toEqual([]);
  });

  it('checks limits', () => {
    expect(['', '-1', '1.5', '101', '7'].map(text => checkText(SPECS[2], text) !== '')).toEqual([
      false,
      true,
      true,
      true,
      false
    ]);
    expect(checkText(SPECS[0], '')).toBe('is needed');
    expect(checkText(SPECS[0], 'longer')).toMatch(/5/);
  });
});

describe('toJob', () => {
  it('sends a notebook with the changed parameters only', () => {
    const found = [
      parameter('epochs', 'number', 5),
      parameter('rate', 'number', 0.1),
      parameter('path', 'any', null)
    ];
    const draft = withParameters(notebookDraft('deep/dir/a.ipynb', 'epochs = 5'), {
      readable: true,
      items: found
    });
    draft.texts.name = 'a';
    draft.parameterTexts.epochs = '7';
    draft.added = [{ name: 'extra', value: '[1]' }];
    Object.assign(draft, { instanceType: 'small', image: 'img' });
    expect(toJob(draft, SPECS)).toEqual({
      errors: {},
      job: {
        name: 'a',
        instance_type: 'small',
        image: 'img',
        notebook: { path: 'a.ipynb', parameters: { epochs: 7, extra: [1] } },
        working_directory: { path: 'deep/dir', files: null }
      }
    });
  });

  it('copies only the notebook when it lies in the home itself', () => {
    const draft = notebookDraft('a.ipynb', null);
    expect(toJob(draft, []).job.working_directory).toEqual({ path: '', files: ['a.ipynb'] });
  });

  it('sends a command, environment, and fields that it does not know', () => {
    const draft = {
      ...emptyDraft(),
      texts: { name: ' n ', command: 'true', priority: '3', timeout_seconds: '' },
      environment: [
        { name: 'A', value: '' },
        { name: ' ', value: 'x' }
      ],
      instanceType: 's',
      image: 'i'
    };
    expect(toJob(draft, SPECS)).toEqual({
      errors: {},
      job: { name: 'n', instance_type: 's', image: 'i', command: 'true', priority: 3, environment: { A: '' } }
    });
  });

  it('names every field that is wrong', () => {
    const draft = withParameters(notebookDraft('a.ipynb', 'n = 1'), {
      readable: true,
      items: [parameter('n', 'number', 1)]
    });
    draft.parameterTexts.n = 'x';
    draft.texts = { name: '', timeout_seconds: '1000' };
    draft.files = ' \n';
    expect(Object.keys(toJob(draft, SPECS).errors).sort()).toEqual([
      'image',
      'instance_type',
      'name',
      'notebook.parameters.n',
      'timeout_seconds',
      'working_directory.files'
    ]);
  });
});

describe('the seldom used parts', () => {
  const base = () => ({
    ...emptyDraft(),
    texts: { name: 'n', command: 'true', retries: '2' },
    instanceType: 's',
    image: 'i'
  });

  it('sends retries only where they differ from the usual', () => {
    expect(toJob(base(), []).job).not.toHaveProperty('retry');
    const { retry } = base();
    const draft = { ...base(), retry: { ...retry, exitCodes: '3, 4', base: '10' } };
    expect(toJob(draft, []).job.retry).toMatchObject({ exit_codes: [3, 4], base_seconds: 10, factor: 2 });
    const wrong = { ...base(), retry: { ...retry, on: [], exitCodes: 'x', base: '' } };
    expect(Object.keys(toJob(wrong, []).errors).sort()).toEqual([
      'retry.base_seconds',
      'retry.exit_codes',
      'retry.on'
    ]);
  });

  it('waits for jobs once, and never in a schedule', () => {
    const depends = { jobs: [{ id: 'job-1', name: 'a' }], need: 'any' as const, ending: 'done' as const };
    const draft = { ...base(), depends };
    expect(toJob(draft, []).job.depends_on).toEqual({ jobs: ['job-1'], need: 'any', ending: 'done' });
    expect(toJob({ ...draft, when: 'schedule' }, []).job).not.toHaveProperty('depends_on');
  });

  it('names secrets, tags and whom to tell', () => {
    const draft = {
      ...base(),
      secrets: [
        { name: 'TOKEN', value: 'hub' },
        { name: 'LOST', value: '' }
      ],
      tags: ['x'],
      notify: [{ channel: 'me', on: ['failed' as const] }]
    };
    const { job, errors } = toJob(draft, []);
    expect(job).toMatchObject({ tags: ['x'], notify: [{ channel: 'me', on: ['failed'] }] });
    expect(job.secrets).toMatchObject({ TOKEN: 'hub' });
    expect(errors).toEqual({ 'secrets.LOST': 'choose a secret' });
  });
});

describe('clone', () => {
  const asked: JobIn = {
    name: 'n',
    command: 'python x.py',
    instance_type: 's',
    image: 'i',
    environment: { A: '1' },
    working_directory: { path: 'p', files: ['a', 'b'] },
    parameters: { lr: { type: 'number', default: 0.1 } },
    values: { lr: 0.2, other: [1] },
    retries: 1,
    tags: ['t'],
    notes: 'why'
  };

  it('gives back what was asked for', () => {
    const { job, errors } = toJob(draftOf(emptyDraft(), asked), []);
    expect(errors).toEqual({});
    expect(job).toMatchObject({
      name: 'n',
      command: 'python x.py',
      environment: { A: '1' },
      working_directory: { path: 'p', files: ['a', 'b'] },
      parameters: { lr: { type: 'number', default: 0.1 } },
      values: { lr: 0.2, other: [1] },
      tags: ['t']
    });
  });

  it('reads a stored spec, whose declarations are a list', () => {
    const spec = { ...asked, parameters: [parameter('lr', 'number', 0.1)], notebook: null };
    const draft = cloneDraft(emptyDraft(), {
      spec,
      priority: 3,
      tags: [],
      notes: ''
    } as unknown as JobDetail);
    expect([draft.texts.priority, draft.parameterTexts.lr, draft.declared]).toEqual(['3', '0.2', true]);
  });
});

describe('choices and errors', () => {
  const type = (name: string, fits: InstanceTypeOut['fits']) => ({ name, fits }) as InstanceTypeOut;
  const catalog = (...types: InstanceTypeOut[]) =>
    ({ instance_types: types, images: [{ name: 'i' }], datasets: [] }) as unknown as CatalogOut;

  it('prefers what can start now and keeps what was chosen', () => {
    const full = catalog(type('n', 'never'), type('w', 'wait'), type('a', 'now'));
    expect(withChoices(emptyDraft(), full)).toMatchObject({ instanceType: 'a', image: 'i' });
    expect(withChoices({ ...emptyDraft(), instanceType: 'w' }, full).instanceType).toBe('w');
    expect(withChoices(emptyDraft(), catalog(type('n', 'never'))).instanceType).toBe('');
  });

  it('puts the service’s words at the field', () => {
    const errors = serverErrors('bad', { field: 'body.notebook.parameters.epochs.0' });
    expect(errors).toEqual({ 'notebook.parameters.epochs.0': 'bad' });
    expect(errorAt(errors, 'notebook.parameters.epochs', true)).toBe('0: bad');
    expect(errorAt(errors, 'notebook.parameters.epochs')).toBe('');
    expect(serverErrors('bad', { field: 'template.image' })).toEqual({ image: 'bad' });
    expect(serverErrors('bad', { field: 'recurrence.interval.every' })).toEqual({
      'recurrence.every': 'bad'
    });
    expect(serverErrors('x', { errors: [{ field: 'name', message: 'short' }, null] })).toEqual({
      name: 'short'
    });
  });
});
