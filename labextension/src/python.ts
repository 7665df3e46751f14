/** Reads the literals of Python: what a parameters cell may assign without running it. */

export type Literal = null | boolean | number | string | Literal[] | { [key: string]: Literal };

export interface ParsedLiteral {
  value: Literal;
  /** A number written with a point or an exponent: Python keeps `5.0` and `5` apart, JavaScript does not. */
  float: boolean;
}

class NotLiteral extends Error {}

const ESCAPES: Record<string, string> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\n': ''
};

/** The value of a literal expression, or null if it is anything else (a call, a name, a set, bytes …). */
export function parseLiteral(source: string): ParsedLiteral | null {
  const reader = new Reader(source);
  try {
    const value = reader.value(0);
    reader.space();
    return reader.atEnd() ? { value, float: reader.lastNumberIsFloat } : null;
  } catch (error) {
    if (error instanceof NotLiteral) {
      return null;
    }
    throw error;
  }
}

class Reader {
  lastNumberIsFloat = false;
  private at = 0;

  constructor(private readonly text: string) {}

  atEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** White space, comments and joined lines, all of which may stand inside brackets. */
  space(): void {
    const match = /^(?:\s|\\\r?\n|#[^\n]*)+/.exec(this.text.slice(this.at));
    this.at += match ? match[0].length : 0;
  }

  value(depth: number): Literal {
    if (depth > 50) {
      throw new NotLiteral();
    }
    this.space();
    const rest = this.text.slice(this.at);
    if (/^(?:[rRuU])?['"]/.test(rest)) {
      return this.strings();
    }
    const word = /^(?:True|False|None)\b/.exec(rest);
    if (word) {
      this.at += word[0].length;
      return word[0] === 'None' ? null : word[0] === 'True';
    }
    switch (rest[0]) {
      case '[':
        return this.items(']', depth);
      case '(':
        return this.parenthesis(depth);
      case '{':
        return this.dict(depth);
      default:
        return this.number(rest);
    }
  }

  private number(rest: string): number {
    const match =
      /^[+-]?\s*(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)(?![\w.])/.exec(
        rest
      );
    if (!match) {
      throw new NotLiteral();
    }
    const digits = match[0].replace(/[_\s]/g, '');
    const prefixed = /^[+-]?0[xob]/i.test(digits);
    const sign = digits.startsWith('-') ? -1 : 1;
    const value = sign * Number(digits.replace(/^[+-]/, ''));
    const float = !prefixed && /[.eE]/.test(digits);
    // Whole numbers that JavaScript would round, and floats beyond its range, must not be passed on changed.
    if (!Number.isFinite(value) || (!float && !Number.isSafeInteger(value))) {
      throw new NotLiteral();
    }
    this.at += match[0].length;
    this.lastNumberIsFloat = float;
    return value;
  }

  /** One string, or several side by side, which Python joins. */
  private strings(): string {
    let joined = '';
    for (;;) {
      const start = /^([rRuU]?)('''|"""|'|")/.exec(this.text.slice(this.at));
      if (!start) {
        return joined;
      }
      this.at += start[0].length;
      joined += this.string(start[2], /r/i.test(start[1]));
      const before = this.at;
      this.space();
      if (!/^[rRuU]?['"]/.test(this.text.slice(this.at))) {
        this.at = before;
        return joined;
      }
    }
  }

  private string(quote: string, raw: boolean): string {
    let out = '';
    while (!this.text.startsWith(quote, this.at)) {
      const c = this.text[this.at];
      if (c === undefined || (c === '\n' && quote.length === 1)) {
        throw new NotLiteral();
      }
      if (c !== '\\') {
        out += c;
        this.at++;
      } else if (raw) {
        out += this.text.slice(this.at, this.at + 2);
        this.at += 2;
      } else {
        out += this.escape();
      }
    }
    this.at += quote.length;
    return out;
  }

  private escape(): string {
    const rest = this.text.slice(this.at);
    const code = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3}))/.exec(rest);
    if (code) {
      this.at += code[0].length;
      const point = code[4] ? parseInt(code[4], 8) : parseInt(code[1] ?? code[2] ?? code[3], 16);
      if (point > 0x10ffff) {
        throw new NotLiteral();
      }
      return String.fromCodePoint(point);
    }
    const c = rest[1];
    if (c === undefined || c === 'N') {
      throw new NotLiteral();
    }
    this.at += 2;
    return c in ESCAPES ? ESCAPES[c] : '\\' + c;
  }

  private items(close: string, depth: number): Literal[] {
    this.at++;
    const items: Literal[] = [];
    while (!this.closes(close)) {
      items.push(this.value(depth + 1));
      this.separator(close);
    }
    return items;
  }

  /** `(1)` is the number, `(1,)` a tuple; JSON has no tuples, so that becomes a list. */
  private parenthesis(depth: number): Literal {
    const from = this.at;
    const items = this.items(')', depth);
    const comma = /,\s*\)$/.test(this.text.slice(from, this.at));
    return items.length === 1 && !comma ? items[0] : items;
  }

  private dict(depth: number): Literal {
    this.at++;
    const entries: [string, Literal][] = [];
    while (!this.closes('}')) {
      const key = this.value(depth + 1);
      this.space();
      // JSON keys are text: a dict with other keys would not arrive as it was written.
      if (typeof key !== 'string' || this.text[this.at++] !== ':') {
        throw new NotLiteral();
      }
      entries.push([key, this.value(depth + 1)]);
      this.separator('}');
    }
    return Object.fromEntries(entries);
  }

  private closes(close: string): boolean {
    this.space();
    if (this.text[this.at] !== close) {
      return false;
    }
    this.at++;
    return true;
  }

  private separator(close: string): void {
    this.space();
    if (this.text[this.at] === ',') {
      this.at++;
    } else if (this.text[this.at] !== close) {
      throw new NotLiteral();
    }
  }
}
