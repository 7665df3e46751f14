import { beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '../http';
import type { Dropped } from '../files/uploads/drop';
import { checkSame, Memory } from '../files/uploads/memory';
import { Pace } from '../files/uploads/pace';
import { UploadQueue, type QueueParts } from '../files/uploads/queue';
import { Rate, timeLeft } from '../files/uploads/rate';
import { stopped, type Sending } from '../files/uploads/sender';

const MiB = 1024 * 1024;
const file = (name: string, text = name, lastModified = 1) => new File([text], name, { lastModified });

async function* dropped(...files: (File | string)[]): AsyncGenerator<Dropped> {
  for (const one of files) {
    yield typeof one === 'string' ? { path: one, file: null } : { path: one.name, file: one };
  }
}

function storage() {
  const kept = new Map<string, string>();
  return {
    kept,
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key)
  };
}

/** A queue whose files go up when the test says so. */
class Line {
  readonly sendings: Sending[] = [];
  readonly calls: string[] = [];
  readonly store = storage();
  taken: string[] = [];
  readonly queue: UploadQueue;
  private ends: ((error: unknown) => void)[] = [];

  constructor() {
    const parts: QueueParts = {
      user: 'ann',
      memory: new Memory(() => this.store),
      makeFolder: async (_, path) => void this.calls.push(`folder ${path}`),
      drop: async (_, id) => void this.calls.push(`drop ${id}`),
      taken: async (_, path) => this.taken.includes(path),
      now: () => 0,
      sender: async () => sending => {
        this.sendings.push(sending);
        return new Promise((done, failed) => {
          sending.signal.addEventListener('abort', () => failed(stopped()));
          this.ends.push(error => (error ? failed(error) : done()));
        });
      }
    };
    this.queue = new UploadQueue(parts);
  }

  async sent(count: number): Promise<void> {
    await vi.waitFor(() => expect(this.sendings.length).toBe(count));
  }

  async end(index: number, error?: unknown): Promise<void> {
    this.ends[index](error);
    await new Promise(done => setTimeout(done));
  }

  get states(): Record<string, string> {
    return Object.fromEntries(this.queue.items.map(i => [i.path, i.state]));
  }
}

describe('UploadQueue', () => {
  let line: Line;
  beforeEach(() => (line = new Line()));

  it('sends a few at a time and makes empty folders', async () => {
    line.queue.add('g', 'in', dropped(file('a'), file('b'), 'empty', file('c'), file('d')));
    await line.sent(3);
    expect(line.calls).toEqual(['folder in/empty']);
    expect(line.states).toEqual({
      'in/a': 'Sending',
      'in/b': 'Sending',
      'in/c': 'Sending',
      'in/d': 'Waiting'
    });
    await line.end(0);
    await line.sent(4);
    expect([line.states['in/a'], line.states['in/d'], line.queue.done]).toEqual(['Done', 'Sending', 1]);
  });

  it('reads a folder without end only as fast as it goes up', async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Dropped> {
      for (; ; read++) {
        yield { path: `f${read}`, file: file(`f${read}`) };
      }
    }
    line.queue.add('g', '', endless());
    await vi.waitFor(() => expect(line.queue.items.length).toBeGreaterThan(100));
    await new Promise(done => setTimeout(done, 20));
    expect(read).toBeLessThan(110);
    expect(line.queue.more).toBe(true);
    await line.queue.cancelAll();
    expect([line.queue.items.length, line.queue.active]).toEqual([0, false]);
  });

  it('pauses, goes on with the same upload, and gives up what has begun', async () => {
    line.queue.add('g', '', dropped(file('a')));
    await line.sent(1);
    line.sendings[0].began('u1');
    const [item] = line.queue.items;
    line.queue.pause(item);
    await vi.waitFor(() => expect(item.scope).toBeNull());
    expect(item.state).toBe('Paused');
    line.queue.go(item);
    await line.sent(2);
    expect(line.sendings[1].id).toBe('u1');
    await line.queue.cancel(item);
    expect(line.calls).toEqual(['drop u1']);
    expect(line.store.kept.size).toBe(0);
  });

  it('goes on after a restart with the same file, and begins anew with a changed one', async () => {
    line.queue.add('g', 'in', dropped(file('a', 'same')));
    await line.sent(1);
    line.sendings[0].began('u1');
    await vi.waitFor(() => expect(line.store.kept.size).toBe(1));
    const after = new Line();
    line.store.kept.forEach((value, key) => after.store.setItem(key, value));
    after.queue.add('g', 'in', dropped(file('a', 'same')));
    await after.sent(1);
    expect(after.sendings[0].id).toBe('u1');
    const changed = new Line();
    line.store.kept.forEach((value, key) => changed.store.setItem(key, value));
    changed.queue.add('g', 'in', dropped(file('a', 'else')));
    await changed.sent(1);
    expect(changed.sendings[0].id).toBeNull();
    await expect(changed.queue.resume('g', { id: 'u1', path: 'in/a' }, file('a', 'diff'))).rejects.toThrow(
      'has changed'
    );
  });

  it('asks about a name that is taken, once for all if so wished', async () => {
    line.taken = ['a', 'b', 'a (2)'];
    const conflict = new ApiError('refused', 'there is one', 409);
    line.queue.add('g', '', dropped(file('a'), file('b')));
    await line.sent(2);
    await line.end(0, conflict);
    expect(line.states).toEqual({ a: 'Conflict', b: 'Sending' });
    line.queue.resolve(line.queue.items[0], 'keep-both', true);
    await line.sent(3);
    expect(line.sendings[2]).toMatchObject({ path: 'a (2)', replace: false });
    await line.end(2, conflict);
    await line.sent(4);
    expect(line.sendings[3].path).toBe('a (3)');
    await line.end(1, conflict);
    await line.sent(5);
    expect(line.sendings[4].path).toBe('b (2)');
    line.queue.items.forEach(item => line.queue.pause(item));
  });

  it('replaces where told so, and takes another conflict for a failure', async () => {
    line.taken = ['a'];
    line.queue.add('g', '', dropped(file('a'), file('z')));
    await line.sent(2);
    const [a, z] = ['a', 'z'].map(path => line.sendings.findIndex(s => s.path === path));
    await line.end(a, new ApiError('refused', 'there is one', 409));
    line.queue.resolve(line.queue.items[0], 'replace', false);
    await line.sent(3);
    expect(line.sendings[2].replace).toBe(true);
    let ended = 0;
    line.queue.ended.connect(() => ended++);
    await line.end(z, new ApiError('refused', 'nothing can be written here', 409));
    expect(ended).toBe(1);
    expect(line.queue.items.find(i => i.path === 'z')).toMatchObject({
      state: 'Failed',
      problem: 'nothing can be written here'
    });
  });
});

describe('checkSame', () => {
  const then = { id: 'u', mtime: 5, sample: 'x' };
  it('goes by the content where it is known, else by the time', () => {
    expect(() => checkSame(file('a'), { mtime: 6, sample: 'x' }, then)).not.toThrow();
    expect(() => checkSame(file('a'), { mtime: 5, sample: 'y' }, then)).toThrow('has changed');
    expect(() => checkSame(file('a'), { mtime: 6, sample: '' }, then)).toThrow('has changed');
    expect(() => checkSame(file('a'), { mtime: 6, sample: 'y' }, null)).not.toThrow();
  });
});

describe('Rate and Pace', () => {
  it('tells how fast it goes, by the last seconds', () => {
    const rate = new Rate();
    rate.add(0, 0);
    expect(rate.perSecond).toBeNull();
    rate.add(10 * MiB, 1000);
    expect(rate.perSecond).toBe(10 * MiB);
    for (let second = 2; second <= 60; second++) {
      rate.add((10 + second) * MiB, second * 1000);
    }
    expect(rate.perSecond).toBe(MiB);
    expect(timeLeft(60 * MiB, rate.perSecond)).toBe(60_000);
    rate.add(0, 61_000);
    expect(rate.perSecond).toBeNull();
    expect(timeLeft(1, null)).toBeNull();
  });
  it('makes pieces larger on a fast line and smaller on a slow one', () => {
    const pace = new Pace(32 * MiB);
    expect(pace.size).toBe(4 * MiB);
    pace.took(4 * MiB, 10);
    pace.took(8 * MiB, 20);
    pace.took(16 * MiB, 40);
    pace.took(32 * MiB, 80);
    expect(pace.size).toBe(32 * MiB);
    pace.took(32 * MiB, 320_000);
    expect(pace.size).toBe(16 * MiB);
    for (let n = 0; n < 9; n++) {
      pace.failed();
    }
    expect(pace.size).toBe(MiB);
  });
});
