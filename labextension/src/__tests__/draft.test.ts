import { describe, expect, it } from 'vitest';

import type { CatalogOut, InstanceTypeOut } from '../api';
import { emptyDraft, errorAt, notebookDraft, serverErrors, toJob, withChoices } from '../draft';
import { parseParameters } from '../parameters';
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
    const parameters = parseParameters('epochs = 5\nrate = 0.1\npath = f()');
    const draft = notebookDraft('deep/dir/a.ipynb', parameters, '');
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
    const draft = notebookDraft('a.ipynb', [], '');
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
    const draft = notebookDraft('a.ipynb', parseParameters('n = 1'), '');
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
    expect(serverErrors('x', { errors: [{ field: 'name', message: 'short' }, null] })).toEqual({
      name: 'short'
    });
  });
});
