import { describe, expect, it } from 'vitest';

import { backoff, follow, SseParser, type SseEvent } from '../sse';

const STREAM =
  ': beat\r\n\r\nid: 1:5\r\nevent: log\r\ndata: {"a":\r\ndata: 1}\r\n\r\nretry: 5\ndata:  two\n\nid: 9\rdata\r\rdata: cut';

describe('SseParser', () => {
  const expected: SseEvent[] = [
    { event: 'log', data: '{"a":\n1}', id: '1:5' },
    { event: 'message', data: ' two', id: '1:5' },
    { event: 'message', data: '', id: '9' }
  ];

  it('reads all line ends, comments, and data of several lines', () => {
    expect(new SseParser().push(STREAM)).toEqual(expected);
  });

  it('does not mind where chunks break', () => {
    for (let size = 1; size < 8; size++) {
      const parser = new SseParser();
      const events: SseEvent[] = [];
      for (let i = 0; i < STREAM.length; i += size) {
        events.push(...parser.push(STREAM.slice(i, i + size)));
      }
      expect(events).toEqual(expected);
    }
  });

  it('drops a byte order mark and ids with NUL', () => {
    expect(new SseParser('7').push('\ufeffid: a\0b\ndata: x\n\n')).toEqual([
      { event: 'message', data: 'x', id: '7' }
    ]);
  });
});

describe('backoff', () => {
  it('grows to half a minute and no further', () => {
    expect([0, 1, 2, 5, 50].map(n => backoff(n, () => 1))).toEqual([1000, 2000, 4000, 30000, 30000]);
    expect(backoff(3, () => 0)).toBe(6000);
  });
});

describe('follow', () => {
  const answer = (text: string) => new Response(text);

  it('resumes after the last event and stops when it is told to', async () => {
    const asked: string[] = [];
    const got: string[] = [];
    const scope = new AbortController();
    await follow({
      signal: scope.signal,
      open: async id => {
        asked.push(id);
        return answer(id ? 'id: 2\ndata: b\n\n' : 'id: 1\ndata: a\n\n');
      },
      onEvent: event => {
        got.push(event.data);
        if (event.data === 'b') {
          scope.abort();
        }
      }
    });
    expect(asked).toEqual(['', '1']);
    expect(got).toEqual(['a', 'b']);
  });

  it('gives up on a final error', async () => {
    const states: string[] = [];
    await follow({
      signal: new AbortController().signal,
      open: async () => {
        throw new Error('gone');
      },
      onEvent: () => undefined,
      onState: state => states.push(state),
      isFinal: () => true
    });
    expect(states).toEqual(['broken']);
  });
});
