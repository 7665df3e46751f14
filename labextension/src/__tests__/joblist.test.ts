import { Signal } from '@lumino/signaling';
import { describe, expect, it } from 'vitest';

import type { JobOut } from '../api';
import { JobList } from '../joblist';
import type { Session } from '../session';
import { splice } from '../splice';
import { spanOf } from '../virtual';

const rows = (...ids: number[]) => ids.map(id => ({ id: String(id) }));
const ids = (items: { id: string }[]) => items.map(item => Number(item.id));

describe('spanOf', () => {
  it('draws what is seen and a few around, whatever the length', () => {
    expect(spanOf(0, 800, 80, 10_000)).toEqual({ start: 0, end: 18 });
    expect(spanOf(400_000, 800, 80, 10_000)).toEqual({ start: 4992, end: 5018 });
    expect(spanOf(-500, 800, 80, 10_000).start).toBe(0);
    expect(spanOf(900_000, 800, 80, 100)).toEqual({ start: 100, end: 100 });
    expect(spanOf(0, 800, 80, 0)).toEqual({ start: 0, end: 0 });
  });
});

describe('splice', () => {
  const old = rows(9, 8, 7, 6, 5, 4);
  it('puts new ones before, takes those that are gone, and keeps what follows', () => {
    const { items, kept } = splice(old, 0, rows(11, 10, 9, 7), true);
    expect([ids(items), kept]).toEqual([[11, 10, 9, 7, 6, 5, 4], true]);
  });
  it('does so in the middle', () => {
    expect(ids(splice(old, 2, rows(7, 5), true).items)).toEqual([9, 8, 7, 5, 4]);
  });
  it('ends where the service ends', () => {
    expect(splice(old, 0, rows(9, 8), false)).toEqual({ items: rows(9, 8), kept: false });
  });
  it('starts anew where nothing is in common', () => {
    expect(splice(old, 0, rows(30, 29), true)).toEqual({ items: rows(30, 29), kept: false });
  });
  it('never has a row twice', () => {
    expect(ids(splice(old, 3, rows(9, 6), true).items)).toEqual([8, 7, 9, 6, 5, 4]);
  });
});

/** A group with `count` jobs, newest first, that answers as the service does. */
function world(count: number) {
  const jobs = Array.from(
    { length: count },
    (_, i) => ({ id: String(count - i), state: 'Pending' }) as JobOut
  );
  const asked: { limit?: number; cursor?: string }[] = [];
  const owner = {};
  const jobsChanged = new Signal<object, string | null>(owner);
  const client = {
    jobs: async (_: string, query: { limit: number; cursor?: string; total?: boolean }) => {
      asked.push(query);
      const start = query.cursor ? jobs.findIndex(j => j.id === query.cursor) + 1 : 0;
      const items = jobs.slice(start, start + query.limit);
      const more = start + items.length < jobs.length;
      return {
        items: items.map(j => ({ ...j })),
        next_cursor: more ? items[items.length - 1].id : null,
        total: query.total ? jobs.length : null
      };
    }
  };
  const session = { jobsChanged, group: { name: 'g' }, require: () => ({ client, group: 'g' }) };
  return { jobs, asked, list: new JobList(session as unknown as Session) };
}

describe('JobList', () => {
  it('loads on as one scrolls, to the end', async () => {
    const { list } = world(1000);
    await list.refresh();
    expect([list.items.length, list.total]).toEqual([50, 1000]);
    while (list.cursor) {
      await list.more();
    }
    expect(ids(list.items)).toEqual(Array.from({ length: 1000 }, (_, i) => 1000 - i));
  });

  it('keeps what is on the screen fresh, deep down too, with two requests', async () => {
    const { list, jobs, asked } = world(1000);
    await list.refresh();
    while (list.cursor) {
      await list.more();
    }
    list.look({ start: 600, end: 620 });
    jobs.splice(610, 1);
    jobs[605] = { ...jobs[605], state: 'Cancelled' };
    asked.length = 0;
    await list.refresh();
    expect(asked.length).toBe(2);
    expect([list.items.length, list.items[605].state]).toEqual([999, 'Cancelled']);
  });

  it('forgets what was chosen when the filters change', async () => {
    const { list } = world(3);
    await list.refresh();
    list.chooseEverything();
    expect([list.everything, list.chosen.size]).toEqual([true, 3]);
    list.setFilters({ state: 'Pending,Running', tag: 'x', kind: 'notebook', text: ' a ' });
    expect([list.everything, list.chosen.size]).toEqual([false, 0]);
    expect(list.bulkFilter()).toEqual({
      state: ['Pending', 'Running'],
      tag: ['x'],
      kind: 'notebook',
      name: 'a'
    });
  });
});
