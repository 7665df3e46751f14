import { describe, expect, it, vi } from 'vitest';

import { ApiError } from '../http';
import { directSender } from '../files/uploads/directSender';
import { walk } from '../files/uploads/drop';
import { worthwhile } from '../files/uploads/tusSender';

const file = (name: string, text = name) => new File([text], name);

describe('worthwhile', () => {
  const request = (method: string) => ({ getMethod: () => method });
  const status = (code: number) => ({ getStatus: () => code });
  it('tries again what passes, and takes a refusal for one', () => {
    expect(worthwhile(request('PATCH'), null, new ApiError('network', 'lost'))).toBe(true);
    expect(worthwhile(request('PATCH'), null, new Error('the file changed'))).toBe(false);
    expect(worthwhile(request('PATCH'), status(409))).toBe(true);
    expect(worthwhile(request('POST'), status(409))).toBe(false);
    expect(worthwhile(request('POST'), status(503))).toBe(true);
    expect(worthwhile(request('PATCH'), status(507))).toBe(false);
    expect(worthwhile(request('POST'), status(422))).toBe(false);
    expect(worthwhile(request('HEAD'), status(401))).toBe(false);
  });
});

describe('walk', () => {
  const leaf = (name: string) => ({
    isFile: true,
    isDirectory: false,
    name,
    file: (done: (f: File) => void) => done(file(name))
  });
  const folder = (name: string, batches: object[][]) => ({
    isFile: false,
    isDirectory: true,
    name,
    createReader: () => {
      const left = [...batches];
      return { readEntries: (done: (some: object[]) => void) => done(left.shift() ?? []) };
    }
  });
  it('goes through folders, however many answers that takes, and tells of empty ones', async () => {
    const tree = folder('top', [[leaf('a')], [folder('in', [[leaf('b')]]), folder('none', [])]]);
    const found: string[] = [];
    for await (const one of walk([tree, file('c')] as unknown as FileSystemEntry[])) {
      found.push(one.file ? one.path : `${one.path}/`);
    }
    expect(found).toEqual(['top/a', 'top/in/b', 'top/none/', 'c']);
  });
});

describe('directSender', () => {
  it('sends only the parts that are missing, and one again that failed', async () => {
    const put: string[] = [];
    let fails = 1;
    const sending = {
      group: 'g',
      path: 'x',
      file: file('x', '0123456789'),
      replace: false,
      id: 'u1',
      signal: new AbortController().signal,
      began: vi.fn(),
      progress: vi.fn(),
      stalled: vi.fn()
    };
    const upload = { id: 'u1', part_size: 4, parts: 3, received: [2], state: 'Open' };
    const send = directSender(
      {
        upload: async () => upload,
        partUrls: async (_: string, __: string, [number]: number[]) => ({
          items: [{ number, url: `part-${number}` }]
        }),
        completeDirect: async () => ({ ...upload, state: 'Done' }),
        beginDirect: vi.fn()
      } as unknown as Parameters<typeof directSender>[0],
      async (url, part, _, progress) => {
        progress(part.size);
        if (url === 'part-3' && fails-- > 0) {
          return 503;
        }
        put.push(`${url} ${await part.text()}`);
        return 200;
      }
    );
    await send(sending);
    expect(put.sort()).toEqual(['part-1 0123', 'part-3 89']);
    expect(sending.progress.mock.calls[0]).toEqual([4]);
    expect(sending.progress.mock.calls.at(-1)).toEqual([10]);
  });
});
