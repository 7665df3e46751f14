import { describe, expect, it } from 'vitest';

import {
  declared,
  initialText,
  parametersCell,
  parameterValue,
  textOf,
  typeWords,
  type Parameter
} from '../parameters';

const parameter = (part: Partial<Parameter>): Parameter => ({
  name: 'p',
  type: 'any',
  default: null,
  required: false,
  nullable: false,
  description: '',
  minimum: null,
  maximum: null,
  choices: [],
  items: null,
  ...part
});

describe('parametersCell', () => {
  it('is the first with the tag, and null without one', () => {
    const cell = (source: unknown, ...tags: string[]) => ({ source, metadata: { tags } });
    const notebook = {
      cells: [cell('x'), cell(['a = 1\n', 'b = 2'], 'parameters'), cell('c', 'parameters')]
    };
    expect(parametersCell(notebook)).toBe('a = 1\nb = 2');
    expect(parametersCell({ cells: [cell('x')] })).toBeNull();
    expect(parametersCell({ cells: 'odd' })).toBeNull();
  });
});

describe('fields', () => {
  it.each<[Partial<Parameter>, string]>([
    [{ type: 'integer', default: 5 }, '5'],
    [{ type: 'text', default: 'a b' }, 'a b'],
    [{ type: 'boolean', default: false }, 'false'],
    [{ type: 'choice', default: 'adam', choices: ['adam', 1] }, '"adam"'],
    [{ type: 'list', default: [1, 2] }, '[1,2]'],
    [{ type: 'any' }, '']
  ])('show the default of %o', (part, text) => {
    const p = parameter(part);
    expect(initialText(p)).toBe(text);
    // What is left as it is, is not sent: the program's own value stands.
    expect(parameterValue(p, text)).toEqual({});
  });

  it.each<[Partial<Parameter>, string, unknown]>([
    [{ type: 'integer', default: 5 }, '7', 7],
    [{ type: 'number' }, '1e-3', 0.001],
    [{ type: 'text', default: 'a' }, '', ''],
    [{ type: 'boolean', default: true }, 'false', false],
    [{ type: 'choice', default: 'a', choices: ['a', 2] }, '2', 2],
    [{ type: 'list' }, '[1]', [1]],
    [{ type: 'any' }, '{"a": null}', { a: null }],
    [{ type: 'integer', default: 5, nullable: true }, '', null]
  ])('of %o give %s as its value', (part, text, value) => {
    expect(parameterValue(parameter(part), text)).toEqual({ value });
  });

  it.each<[Partial<Parameter>, string, RegExp]>([
    [{ type: 'integer' }, '1.5', /whole/],
    [{ type: 'number' }, 'x', /number/],
    [{ type: 'number', minimum: 0, maximum: 1 }, '2', /at most 1/],
    [{ type: 'integer', minimum: 1 }, '0', /at least 1/],
    [{ type: 'text', maximum: 3 }, 'long', /length of at most 3/],
    [{ type: 'list' }, '{}', /list/],
    [{ type: 'list', maximum: 1 }, '[1,2]', /length of at most 1/],
    [{ type: 'object' }, '[]', /object/],
    [{ type: 'any' }, 'text', /JSON/],
    [{ type: 'integer', required: true }, '', /needed/]
  ])('of %o refuse %s', (part, text, error) => {
    expect(parameterValue(parameter(part), text).error).toMatch(error);
  });

  it('say their limits, and go along as they were declared', () => {
    const p = parameter({ type: 'integer', minimum: 1, maximum: 9 });
    expect(typeWords(p)).toBe('whole number from 1 to 9');
    expect(textOf(p, 4)).toBe('4');
    expect(declared(p)).not.toHaveProperty('name');
  });
});
