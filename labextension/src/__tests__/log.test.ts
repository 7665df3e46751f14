import { describe, expect, it } from 'vitest';

import { LogBuffer } from '../log';

const texts = (log: LogBuffer) => log.snapshot().map(line => line.segments.map(s => s.text).join(''));

describe('LogBuffer', () => {
  it('joins chunks into lines', () => {
    const log = new LogBuffer();
    log.append('a');
    log.append('b\r\nc\n\nd');
    expect(texts(log)).toEqual(['ab', 'c', '', 'd']);
  });

  it('shows the newest state of a progress bar, across chunks', () => {
    const log = new LogBuffer();
    log.append('10%\r');
    log.append('20%\r100%');
    log.append('\r\nend\n');
    expect(texts(log)).toEqual(['100%', 'end']);
  });

  it('turns colours into classes and drops other escapes', () => {
    const log = new LogBuffer();
    log.append('\x1b[1;31mred\x1b[0m \x1b[38;5;31mx\x1b[2K\x1b]0;title\x07y\x1b[');
    log.append('32mgreen\x00\n');
    expect(log.snapshot()[0].segments).toEqual([
      { text: 'red', className: 'clg-ansi-bold clg-ansi-red' },
      { text: ' ', className: '' },
      { text: 'x', className: '' },
      { text: 'y', className: '' },
      { text: 'green', className: 'clg-ansi-green' }
    ]);
  });

  it('keeps a bound and counts what it drops', () => {
    const log = new LogBuffer(3);
    log.append('1\n2\n3\n4\n5');
    log.mark('gap');
    expect(texts(log)).toEqual(['4', '5', 'gap']);
    expect(log.dropped).toBe(3);
  });

  it('parts a line that never ends', () => {
    const log = new LogBuffer();
    log.append('x'.repeat(50_000));
    expect(texts(log).map(t => t.length)).toEqual([20_000, 20_000, 10_000]);
  });

  it('keeps finished lines as the same objects, so that they need not be drawn again', () => {
    const log = new LogBuffer();
    log.append('a\nb');
    const [first] = log.snapshot();
    log.append('c\n');
    expect(log.snapshot()[0]).toBe(first);
  });
});
