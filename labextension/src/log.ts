/** A job's log as lines: carriage returns, ANSI colours, gaps, and a bound on how much is kept. */

export interface Segment {
  text: string;
  /** Space-separated class names; empty for plain text. */
  className: string;
}

export interface LogLine {
  key: number;
  kind: 'text' | 'mark';
  segments: Segment[];
}

export const MAX_LINES = 5000;
/** A line without an end must not grow for ever either. */
const MAX_LINE_LENGTH = 20_000;

const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
// CSI sequences, OSC sequences (title, links), and the short escapes; one may be cut off at the end of a chunk.
// eslint-disable-next-line no-control-regex
const ESCAPE = /\x1b(?:\[([0-9;:?<>=!]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])/g;
// eslint-disable-next-line no-control-regex
const CUT_OFF = /\x1b(?:\[[0-9;:?<>=!]*[ -/]*|\][^\x07\x1b]{0,2000}\x1b?|[ -/]*)?$/;
// Other control characters have no meaning in a page.
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g;

export class LogBuffer {
  /** How many lines were dropped at the start to keep the bound. */
  dropped = 0;
  private lines: LogLine[] = [];
  private current: Segment[] = [];
  private length = 0;
  private key = 0;
  private pending = '';
  private returned = false;
  private bold = false;
  private colour = '';

  constructor(private readonly max = MAX_LINES) {}

  /** The lines, the unfinished one last. A line that did not change is the same object as before. */
  snapshot(): LogLine[] {
    const tail =
      this.current.length > 0 ? [{ key: this.key, kind: 'text' as const, segments: [...this.current] }] : [];
    return [...this.lines, ...tail];
  }

  append(text: string): void {
    text = this.pending + text;
    const cut = CUT_OFF.exec(text);
    this.pending = cut ? cut[0] : '';
    if (cut) {
      text = text.slice(0, cut.index);
    }
    let at = 0;
    for (const match of text.matchAll(ESCAPE)) {
      this.plain(text.slice(at, match.index));
      if (match[2] === 'm') {
        this.style(match[1]);
      }
      at = match.index + match[0].length;
    }
    this.plain(text.slice(at));
    this.trim();
  }

  /** A note of ours between the lines: a gap, a new attempt. */
  mark(text: string): void {
    this.flush();
    this.lines.push({ key: this.key++, kind: 'mark', segments: [{ text, className: '' }] });
    this.trim();
  }

  private plain(text: string): void {
    for (const part of text.split(/(\r\n|\n|\r)/)) {
      if (part === '') {
        continue;
      }
      if (part === '\r') {
        this.returned = true;
      } else if (part === '\n' || part === '\r\n') {
        this.newline();
      } else {
        this.write(part.replace(CONTROLS, ''));
      }
    }
  }

  private write(text: string): void {
    if (this.returned) {
      // A progress bar writes its line again; show its newest state only.
      this.current = [];
      this.length = 0;
      this.returned = false;
    }
    while (text) {
      const room = MAX_LINE_LENGTH - this.length;
      const part = text.slice(0, room);
      this.current.push({ text: part, className: this.className() });
      this.length += part.length;
      text = text.slice(room);
      if (text) {
        this.newline();
      }
    }
  }

  private newline(): void {
    this.returned = false;
    this.lines.push({ key: this.key++, kind: 'text', segments: this.current });
    this.current = [];
    this.length = 0;
  }

  private flush(): void {
    if (this.current.length > 0) {
      this.newline();
    }
  }

  private trim(): void {
    const over = this.lines.length - this.max;
    if (over > 0) {
      this.lines = this.lines.slice(over);
      this.dropped += over;
    }
  }

  private className(): string {
    return [this.bold ? 'clg-ansi-bold' : '', this.colour ? `clg-ansi-${this.colour}` : '']
      .filter(Boolean)
      .join(' ');
  }

  private style(codes: string): void {
    const list = codes.split(/[;:]/).map(Number);
    for (let i = 0; i < list.length; i++) {
      const code = list[i];
      if (code === 0) {
        this.bold = false;
        this.colour = '';
      } else if (code === 1 || code === 22) {
        this.bold = code === 1;
      } else if (code >= 30 && code <= 37) {
        this.colour = COLOURS[code - 30];
      } else if (code >= 90 && code <= 97) {
        this.colour = COLOURS[code - 90];
      } else if (code === 39) {
        this.colour = '';
      } else if (code === 38 || code === 48) {
        // 256 colours and true colour are not drawn, but their numbers must not be read as codes.
        i += list[i + 1] === 5 ? 2 : 4;
      }
    }
  }
}
