import { describe, expect, it } from 'vitest';

import { notebookLanguage, parametersCell, parameterValue, parseParameters } from '../parameters';
import { parseLiteral } from '../python';

const value = (source: string) => parseLiteral(source)?.value;

describe('parseLiteral', () => {
  it.each<[string, unknown]>([
    ['5', 5],
    ['-1_000', -1000],
    ['0x1F', 31],
    ['1e-3', 0.001],
    ['.5', 0.5],
    ['True', true],
    ['None', null],
    ["'it''s'", 'its'],
    ['"a\\n\\u00e9"', 'a\né'],
    ["r'a\\n'", 'a\\n'],
    ['"""two\nlines"""', 'two\nlines'],
    ['[1, (2, 3), [],]', [1, [2, 3], []]],
    ['(1)', 1],
    ['(1,)', [1]],
    ['()', []],
    ['{"a": {"b": None}, }', { a: { b: null } }],
    ['[1, # one\n 2]', [1, 2]]
  ])('reads %s', (source, expected) => {
    expect(value(source)).toEqual(expected);
  });

  it.each([
    'Path.home()',
    'a',
    '1 + 2',
    '{1, 2}',
    '{1: 2}',
    "b'x'",
    "f'{x}'",
    '[1, x]',
    '"open',
    '1j',
    '',
    '[1'
  ])('refuses %s', source => expect(parseLiteral(source)).toBeNull());

  it('refuses numbers that JavaScript would change', () => {
    expect(parseLiteral('9007199254740993')).toBeNull();
    expect(parseLiteral('1e400')).toBeNull();
  });
});

describe('parseParameters', () => {
  const source = [
    '# the defaults',
    'epochs = 5  # passes over the data',
    'rate: float = 1.0',
    'name: Optional[str] = "a # b; c"',
    'flag=False; other = 2',
    'layers = [',
    '    64,  # first',
    '    32,',
    ']',
    'seed = None',
    'out = Path("x")',
    'if True:',
    '    hidden = 1',
    'a, b = 1, 2',
    'x == 3',
    'd["k"] = 4',
    'import os',
    'epochs = 7'
  ].join('\n');

  it('finds simple assignments with their types and comments', () => {
    const found = Object.fromEntries(
      parseParameters(source).map(p => [p.name, [p.kind, p.initial, p.description]])
    );
    expect(found).toEqual({
      epochs: ['int', '7', ''],
      rate: ['float', '1', 'float'],
      name: ['string', 'a # b; c', 'Optional[str]'],
      flag: ['boolean', 'false', ''],
      other: ['int', '2', ''],
      layers: ['json', '[64,32]', ''],
      seed: ['json', 'null', ''],
      out: ['raw', '', '']
    });
  });

  it('keeps a trailing comment as the description', () => {
    expect(parseParameters('n = 1  # how many')[0].description).toBe('how many');
  });

  it('keeps a triple-quoted text and a continued line whole', () => {
    const [text, sum] = parseParameters('t = """a\nb = 1\n"""\nn = \\\n  4');
    expect([text.initial, sum.initial]).toEqual(['a\nb = 1\n', '4']);
  });
});

describe('parameterValue', () => {
  const get = (source: string, text: string) => parameterValue(parseParameters(source)[0], text);

  it('sends nothing for what was not changed', () => {
    expect(get('a = 1.0', '1')).toEqual({});
    expect(get('a = f()', '')).toEqual({});
  });

  it('keeps the type', () => {
    expect(get('a = 1', '2')).toEqual({ value: 2 });
    expect(get('a = "1"', '2')).toEqual({ value: '2' });
    expect(get('a = False', 'true')).toEqual({ value: true });
    expect(get('a = [1]', '{"b": null}')).toEqual({ value: { b: null } });
    expect(get('a = None', '"x"')).toEqual({ value: 'x' });
  });

  it('says what is wrong', () => {
    expect(get('a = 1', '').error).toMatch(/number/);
    expect(get('a = 1', 'x').error).toMatch(/number/);
    expect(get('a = [1]', '[1').error).toMatch(/JSON/);
  });
});

describe('parametersCell', () => {
  it('takes the first tagged cell, in either form of source', () => {
    const cells = [
      { source: 'no = 1', metadata: {} },
      { source: ['a = 1\n', 'b = 2'], metadata: { tags: ['x', 'parameters'] } },
      { source: 'c = 3', metadata: { tags: ['parameters'] } }
    ];
    expect(parametersCell({ cells })).toBe('a = 1\nb = 2');
    expect(parametersCell({ cells: [cells[0]] })).toBeNull();
    expect(parametersCell({})).toBeNull();
  });

  it('knows the language', () => {
    expect(notebookLanguage({ metadata: { kernelspec: { language: 'R' } } })).toBe('r');
    expect(notebookLanguage({})).toBe('python');
  });
});
