import { describe, expect, it, vi } from 'vitest';

import type { Actions } from '../actions';
import type { Client } from '../client';
import { archiveStem, freeFolder } from '../files/archives';
import { unpack } from '../files/unpack';
import { FilesModel } from '../files/FilesModel';
import { isArchive } from '../files/kinds';
import { nameOf } from '../files/paths';
import { verbOf } from '../files/work';
import type { Entry, Storage, Task } from '../files/wire';
import { ApiError } from '../http';
import { Soon } from '../soon';

vi.stubGlobal('window', { addEventListener: () => undefined });

const entry = (path: string, kind: Entry['kind'] = 'file'): Entry => ({
  name: nameOf(path),
  path,
  kind,
  size: 1,
  modified_at: null,
  etag: 'e',
  media_type: ''
});

describe('archives', () => {
  it('are known by their ending, which their folder does not have', () => {
    const names = ['a.zip', 'a.tar', 'a.tar.gz', 'a.TGZ', 'a.tar.bz2', 'a.tar.xz', 'v1.2.zip'];
    expect(names.map(archiveStem)).toEqual(['a', 'a', 'a', 'a', 'a', 'a', 'v1.2']);
    expect(['a.gz', 'zip', '.zip', '.tar.gz', 'a.7z', 'a.zip.txt'].map(archiveStem)).toEqual(
      Array(6).fill(null)
    );
    expect([isArchive(entry('x/a.zip')), isArchive(entry('a.zip', 'folder'))]).toEqual([true, false]);
  });
  it('become the next folder that is free', async () => {
    const taken = ['d/v1.2', 'd/v1.2 (2)'];
    const look = (path: string) => Promise.resolve(taken.includes(path));
    expect(await freeFolder('d', 'v1.2', look)).toBe('v1.2 (3)');
    expect(await freeFolder('', 'v1.2', look)).toBe('v1.2');
  });
});

/** A service with one folder, whose work ends when the test says so. */
class Service {
  names = ['a.zip'];
  used = 1;
  ends: 'Running' | 'Succeeded' | 'Failed' = 'Running';
  running: Task[] = [];
  refuses: ApiError | null = null;
  asked: unknown[] = [];
  readonly told: unknown[] = [];
  private slots: ((sender: unknown, change: { kind: string } | null) => void)[] = [];

  task(): Task {
    const { ends } = this;
    const counts = { done: { files: 0, bytes: 0 }, total: null };
    return {
      id: 't',
      kind: 'unpack',
      state: ends,
      user: 'ann',
      source: 'a.zip',
      target: 'a',
      message: { Running: '', Succeeded: '1 link was left out.', Failed: 'It is cut off.' }[ends],
      created_at: '',
      finished_at: null,
      ...counts
    };
  }

  readonly client = {
    page: { user: 'ann' },
    files: () =>
      Promise.resolve({
        path: '',
        writable: true,
        items: this.names.map(name => entry(name, name.includes('.') ? 'file' : 'folder')),
        next_cursor: null,
        storage: null
      }),
    storage: () => Promise.resolve({ used: this.used } as Storage),
    fileTasks: () => Promise.resolve({ items: this.running }),
    fileTask: () => Promise.resolve(this.task()),
    uploads: () => Promise.resolve({ items: [] }),
    unpackFile: (...asked: unknown[]) => {
      this.asked.push(asked);
      return this.refuses ? Promise.reject(this.refuses) : Promise.resolve(this.task());
    }
  } as unknown as Client;

  readonly actions = {
    session: {
      denied: () => '',
      objectsChanged: {
        connect: (slot: () => void, self: unknown) => this.slots.push(slot.bind(self)),
        disconnect: () => true
      },
      touch: (_: null, kind: string) => {
        this.told.push(kind);
        this.happens(kind);
      }
    }
  } as unknown as Actions;

  happens(kind: string): void {
    this.slots.forEach(slot => slot(null, { kind }));
  }

  async model(): Promise<FilesModel> {
    const model = new FilesModel(this.actions, this.client, 'g');
    await model.start('');
    await vi.waitFor(() => expect(model.storage).not.toBeNull());
    return model;
  }
}

describe('unpacking', () => {
  it('shows that it goes on, then the new folder and how much is stored now', async () => {
    const service = new Service();
    const model = await service.model();
    const other = await service.model();
    model.list.choose(['a.zip']);
    await unpack(model, entry('a.zip'), ' a ');
    expect(service.asked).toEqual([['g', 'a.zip', 'a']]);
    expect(model.work.running.map(t => verbOf(t.kind))).toEqual(['Unpacking']);
    service.ends = 'Succeeded';
    service.names.push('a');
    service.used = 5;
    await vi.waitFor(() => expect(model.list.chosen.map(e => e.path)).toEqual(['a']));
    expect([model.storage?.used, model.note?.text, model.work.running]).toEqual([
      5,
      '1 link was left out.',
      []
    ]);
    // What else shows these files was told, and needs no word from the service.
    expect(service.told).toEqual(['file']);
    await vi.waitFor(() => expect([other.storage?.used, other.list.items.length]).toEqual([5, 2]));
    [model, other].forEach(each => each.dispose());
  });

  it('says what failed, at once to its caller, later in the page', async () => {
    const service = new Service();
    const model = await service.model();
    service.refuses = new ApiError('refused', 'a is there already.', 409, 'conflict', { path: 'a' });
    await expect(unpack(model, entry('a.zip'), 'a')).rejects.toThrow('there already');
    expect(model.problem).toBeNull();
    service.refuses = null;
    await unpack(model, entry('a.zip'), 'a');
    service.ends = 'Failed';
    await vi.waitFor(() => expect(model.problem).toEqual(new Error('It is cut off.')));
    expect(model.note).toBeNull();
    model.dispose();
  });

  it('that was begun before the page was opened says how it failed, too', async () => {
    const service = new Service();
    service.running = [service.task()];
    const model = await service.model();
    service.running = [];
    service.ends = 'Failed';
    await vi.waitFor(() =>
      expect(model.problem).toEqual(new Error('Unpacking “a.zip” failed: It is cut off.'))
    );
    model.dispose();
  });

  it('hears of uploads of others', async () => {
    const service = new Service();
    const model = await service.model();
    service.used = 9;
    service.happens('upload');
    await vi.waitFor(() => expect(model.storage?.used).toBe(9));
    model.dispose();
  });
});

describe('Soon', () => {
  it('looks once for many, again for what came meanwhile, and not when it is gone', async () => {
    vi.useFakeTimers();
    const ends: (() => void)[] = [];
    const act = vi.fn(() => new Promise<void>(done => ends.push(done)));
    const soon = new Soon(act, 500);
    soon.ask();
    soon.ask();
    await vi.advanceTimersByTimeAsync(500);
    expect(act).toHaveBeenCalledTimes(1);
    soon.ask();
    soon.ask();
    await vi.advanceTimersByTimeAsync(2000);
    expect(act).toHaveBeenCalledTimes(1);
    ends[0]();
    await vi.advanceTimersByTimeAsync(500);
    expect(act).toHaveBeenCalledTimes(2);
    ends[1]();
    soon.ask();
    soon.dispose();
    await vi.advanceTimersByTimeAsync(2000);
    expect(act).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });
});
