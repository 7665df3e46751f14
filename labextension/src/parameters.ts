/** The cell tagged `parameters` (papermill's convention) as fields of a form, and the fields' text as values. */

import { parseLiteral, type Literal } from './python';

export type ParameterKind = 'int' | 'float' | 'string' | 'boolean' | 'json' | 'raw';

export interface Parameter {
  name: string;
  kind: ParameterKind;
  /** What the field shows first; a field left like this is not sent, the notebook's own value stands. */
  initial: string;
  /** The expression as it is written in the notebook. */
  source: string;
  /** Type hint and trailing comment. */
  description: string;
}

interface NotebookLike {
  cells?: unknown;
  metadata?: unknown;
}

interface CellLike {
  source?: string | string[];
  metadata?: { tags?: unknown };
}

/** Name, optional type hint, value and optional comment of one logical line; null for any other statement. */
const ASSIGNMENT = /^([A-Za-z_]\w*)\s*(?::\s*([^=]+?))?\s*=(?!=)\s*([\s\S]+)$/;

/** Source of the first cell tagged `parameters`; null without one. */
export function parametersCell(notebook: NotebookLike): string | null {
  const cells = Array.isArray(notebook.cells) ? (notebook.cells as CellLike[]) : [];
  const cell = cells.find(c => Array.isArray(c.metadata?.tags) && c.metadata.tags.includes('parameters'));
  if (!cell) {
    return null;
  }
  return Array.isArray(cell.source) ? cell.source.join('') : (cell.source ?? '');
}

/** The notebook's language; only Python's assignments can be read. */
export function notebookLanguage(notebook: NotebookLike): string {
  const metadata = (notebook.metadata ?? {}) as {
    kernelspec?: { language?: string };
    language_info?: { name?: string };
  };
  return (metadata.language_info?.name ?? metadata.kernelspec?.language ?? 'python').toLowerCase();
}

/** Simple assignments at the top level of the source; the last one of a name counts, as in Python. */
export function parseParameters(source: string): Parameter[] {
  const found = new Map<string, Parameter>();
  for (const line of logicalLines(source)) {
    const match = ASSIGNMENT.exec(line.code);
    if (!match) {
      continue;
    }
    const [, name, hint, value] = match;
    found.set(name, parameter(name, value.trim(), [hint?.trim(), line.comment].filter(Boolean).join(' – ')));
  }
  return [...found.values()];
}

function parameter(name: string, source: string, description: string): Parameter {
  const literal = parseLiteral(source);
  const base = { name, source, description };
  if (!literal) {
    return { ...base, kind: 'raw', initial: '' };
  }
  const { value, float } = literal;
  switch (typeof value) {
    case 'number':
      return { ...base, kind: float ? 'float' : 'int', initial: String(value) };
    case 'string':
      return { ...base, kind: 'string', initial: value };
    case 'boolean':
      return { ...base, kind: 'boolean', initial: String(value) };
    default:
      return { ...base, kind: 'json', initial: JSON.stringify(value) };
  }
}

export interface ParameterValue {
  /** Absent: leave the notebook's own value. */
  value?: Literal;
  error?: string;
}

/** The value of a field's text; never a value of another type than the field promises. */
export function parameterValue(parameter: Parameter, text: string): ParameterValue {
  if (text === parameter.initial) {
    return {};
  }
  switch (parameter.kind) {
    case 'string':
      return { value: text };
    case 'boolean':
      return { value: text === 'true' };
    case 'int':
    case 'float': {
      const number = Number(text);
      if (text.trim() === '' || !Number.isFinite(number)) {
        return { error: 'must be a number' };
      }
      return { value: number };
    }
    default:
      if (text.trim() === '') {
        return {};
      }
      try {
        return { value: JSON.parse(text) as Literal };
      } catch {
        return { error: 'must be JSON: put text in double quotes' };
      }
  }
}

interface LogicalLine {
  code: string;
  comment: string;
}

/** Lines as Python sees them: brackets and triple quotes join lines, a semicolon parts them. Indented ones are left out. */
function logicalLines(source: string): LogicalLine[] {
  const lines: LogicalLine[] = [];
  let code = '';
  let comment = '';
  let depth = 0;
  let quote = '';
  const finish = () => {
    // An indented statement belongs to an `if` or `for`: whether it runs cannot be known.
    if (code.trim() && !/^\s/.test(code)) {
      lines.push({ code: code.trim(), comment });
    }
    code = '';
    comment = '';
  };
  for (let i = 0; i < source.length; i++) {
    const c = source[i];
    if (quote) {
      if (c === '\\') {
        code += c + (source[++i] ?? '');
      } else if (source.startsWith(quote, i)) {
        code += quote;
        i += quote.length - 1;
        quote = '';
      } else {
        code += c;
      }
    } else if (c === '"' || c === "'") {
      quote = source.startsWith(c.repeat(3), i) ? c.repeat(3) : c;
      code += quote;
      i += quote.length - 1;
    } else if (c === '#') {
      const end = source.indexOf('\n', i);
      const text = source.slice(i + 1, end < 0 ? undefined : end).trim();
      // Inside brackets a comment speaks of one item, not of the parameter.
      if (depth === 0) {
        comment = text;
      }
      i = (end < 0 ? source.length : end) - 1;
    } else if (c === '\\' && /^\\\r?\n/.test(source.slice(i, i + 3))) {
      i += source[i + 1] === '\r' ? 2 : 1;
      code += ' ';
    } else if ((c === '\n' || c === ';') && depth === 0) {
      finish();
      if (c === ';') {
        i += /^[ \t]*/.exec(source.slice(i + 1))?.[0].length ?? 0;
      }
    } else {
      depth += '([{'.includes(c) ? 1 : ')]}'.includes(c) ? -1 : 0;
      code += c;
    }
  }
  finish();
  return lines;
}
