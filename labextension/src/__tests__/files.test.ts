import { describe, expect, it, vi } from 'vitest';

import { counted, ending, selectionWords, sortOf } from '../files/kinds';
import { FileList } from '../files/FileList';
import { badName, crumbs, join, misplaced, nameOf, numbered, outermost, parentOf } from '../files/paths';
import { clicked, kept, moved, NOTHING, toggled } from '../files/selection';
import type { FileQuery } from '../fileCalls';
import type { Entry, Listing } from '../files/wire';
import { shareOf } from '../files/work';

const entry = (path: string, more: Partial<Entry> = {}): Entry => ({
  name: nameOf(path),
  path,
  kind: 'file',
  size: 1,
  modified_at: null,
  etag: 'e',
  media_type: 'application/octet-stream',
  ...more
});

describe('paths', () => {
  it('joins, splits and climbs', () => {
    expect([join('', 'a'), join('a', 'b'), join('a', '')]).toEqual(['a', 'a/b', 'a']);
    expect([nameOf('a/b.c'), parentOf('a/b.c'), parentOf('a'), parentOf('')]).toEqual(['b.c', 'a', '', '']);
    expect(crumbs('.datasets/digits', 'biology')).toEqual([
      { name: 'biology', path: '' },
      { name: 'Datasets', path: '.datasets' },
      { name: 'digits', path: '.datasets/digits' }
    ]);
  });
  it('numbers names before their ending', () => {
    expect(numbered('a/report.txt', 2)).toBe('a/report (2).txt');
    expect(numbered('data.tar.gz', 3)).toBe('data (3).tar.gz');
    expect(numbered('a.b/.profile', 2)).toBe('a.b/.profile (2)');
    expect(numbered('Makefile', 2)).toBe('Makefile (2)');
  });
  it('moves nothing into itself, nor to where it is', () => {
    expect(misplaced(['a'], 'a/b')).toContain('into itself');
    expect(misplaced(['a'], 'ab')).toBe('');
    expect(misplaced(['a/x', 'a/y'], 'a')).toContain('already');
    expect(outermost(['a', 'a/b', 'ab', 'c/d'])).toEqual(['a', 'ab', 'c/d']);
  });
  it('says why a name cannot be', () => {
    expect([
      badName('x'),
      badName(' ') !== '',
      badName('a/b') !== '',
      badName('ä'.repeat(128)) !== ''
    ]).toEqual(['', true, true, true]);
  });
});

describe('kinds', () => {
  it('goes by ending, then by type', () => {
    expect(sortOf(entry('a/X.IPYNB'))).toBe('notebook');
    expect(sortOf(entry('x.bin', { media_type: 'image/png' }))).toBe('image');
    expect(sortOf(entry('.datasets/digits', { kind: 'folder' }))).toBe('dataset');
    expect(ending('.profile')).toBe('');
  });
  it('says amounts', () => {
    expect(counted(1, 'file')).toBe('1 file');
    expect(selectionWords([entry('a', { size: 1536 }), entry('b', { kind: 'folder' })])).toBe(
      '1 folder and 1 file, 1.5 KiB'
    );
    expect(shareOf({ done: { files: 1, bytes: 0 }, total: { files: 4, bytes: 0 } })).toBe(0.25);
    expect(shareOf({ done: { files: 1, bytes: 0 }, total: null })).toBeNull();
  });
});

describe('selection', () => {
  const keys = ['a', 'b', 'c', 'd', 'e'];
  const no = { shift: false, add: false };
  it('does what file managers do', () => {
    let now = clicked(NOTHING, keys, 1, no);
    now = clicked(now, keys, 3, { shift: true, add: false });
    expect([...now.chosen]).toEqual(['b', 'c', 'd']);
    now = clicked(now, keys, 2, { shift: false, add: true });
    expect([...now.chosen]).toEqual(['b', 'd']);
    now = moved(clicked(now, keys, 4, no), keys, 3, true);
    expect([...now.chosen]).toEqual(['d', 'e']);
    expect(moved(now, keys, 99, false)).toMatchObject({ at: 4, anchor: 4, chosen: now.chosen });
    expect([...toggled(now, keys, 3).chosen]).toEqual(['e']);
  });
  it('follows rows that others came before, and drops those that are gone', () => {
    const now = kept({ chosen: new Set(['b', 'c']), at: 2, anchor: 1 }, keys, ['x', 'c', 'd']);
    expect(now).toEqual({ chosen: new Set(['c']), at: 1, anchor: 1 });
  });
});

/** A folder of many files, as the service pages it. */
class Folder {
  asked: FileQuery[] = [];
  constructor(public names: string[]) {}
  files = (_: string, query: FileQuery): Promise<Listing> => {
    this.asked.push(query);
    const start = Number(query.cursor ?? 0);
    const end = Math.min(start + (query.limit ?? 200), this.names.length);
    return Promise.resolve({
      path: query.path,
      writable: true,
      items: this.names.slice(start, end).map(name => entry(join(query.path, name))),
      next_cursor: end < this.names.length ? String(end) : null,
      storage: null
    });
  };
}

describe('FileList', () => {
  const names = Array.from({ length: 1000 }, (_, i) => `f${String(i).padStart(4, '0')}`);
  it('fetches what comes into sight, page by page', async () => {
    const folder = new Folder(names);
    const list = new FileList(folder, 'g');
    await list.open('x');
    expect([list.items.length, list.cursor]).toEqual([200, '200']);
    list.look({ start: 0, end: 40 });
    expect(folder.asked.length).toBe(1);
    list.look({ start: 150, end: 190 });
    await list.more();
    await Promise.resolve();
    expect(folder.asked.map(q => q.cursor)).toEqual([undefined, '200']);
    await expect.poll(() => list.items.length).toBe(400);
  });
  it('asks again for what was loaded, and keeps what is chosen', async () => {
    const folder = new Folder(names);
    const list = new FileList(folder, 'g');
    await list.open('');
    await list.more();
    list.choose(['f0001', 'f0300']);
    folder.names = names.filter(name => name !== 'f0001');
    await list.refresh();
    expect([...list.selection.chosen]).toEqual(['f0300']);
    expect(list.items.length).toBe(400);
    expect(list.items[1].path).toBe('f0002');
  });
  it('waits for a look that is newer than the question', async () => {
    const folder = new Folder(['a']);
    let release: () => void = () => undefined;
    const list = new FileList(
      {
        files: async (g, q) => {
          const found = await folder.files(g, q);
          await new Promise<void>(done => (release = done));
          return found;
        }
      },
      'g'
    );
    const first = list.open('');
    await Promise.resolve();
    folder.names = ['a', 'new'];
    const second = list.refresh().then(() => list.choose(['new']));
    await vi.waitFor(() => {
      release();
      expect(list.chosen.map(e => e.path)).toEqual(['new']);
    });
    await Promise.all([first, second]);
  });
  it('does not mix answers to another folder in', async () => {
    const folder = new Folder(['late']);
    let release: () => void = () => undefined;
    const gate = new Promise<void>(done => (release = done));
    const list = new FileList(
      { files: (g, q) => (q.path === 'slow' ? gate.then(() => folder.files(g, q)) : folder.files(g, q)) },
      'g'
    );
    const slow = list.open('slow');
    const fast = list.open('fast');
    release();
    await Promise.all([slow, fast]);
    expect(list.items.map(e => e.path)).toEqual(['fast/late']);
  });
  it('acts on the row that has the focus, and keeps where a range starts', async () => {
    const list = new FileList(new Folder(['a', 'b', 'c', 'd']), 'g');
    await list.open('');
    list.click(1, { shift: false, add: false });
    list.reached(3);
    expect(list.selection).toMatchObject({ at: 3, chosen: new Set(['b']) });
    list.click(3, { shift: true, add: false });
    expect([...list.selection.chosen]).toEqual(['b', 'c', 'd']);
  });
  it('orders large and new things first', async () => {
    const folder = new Folder(['a']);
    const list = new FileList(folder, 'g');
    await list.open('');
    await list.order('size');
    await list.order('size');
    expect(folder.asked.slice(1).map(q => [q.sort, q.descending])).toEqual([
      ['size', true],
      ['size', undefined]
    ]);
  });
});
