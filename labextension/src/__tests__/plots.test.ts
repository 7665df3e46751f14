import { describe, expect, it } from 'vitest';

import {
  extent,
  formatNumber,
  formatValue,
  linearScale,
  logScale,
  logTicks,
  niceTicks,
  tightScale
} from '../plots/scale';
import { decimate, nearest, places, thinned, valueAt, type Point } from '../plots/series';

const GI = 1024 ** 3;

describe('ticks', () => {
  it('are round and reach around the data', () => {
    expect(niceTicks(0, 9)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(niceTicks(0.12, 0.31, 4)).toEqual([0.1, 0.15, 0.2, 0.25, 0.3, 0.35]);
    expect(niceTicks(-3, 7, 4)).toEqual([-5, 0, 5, 10]);
    expect(niceTicks(1e-9, 3e-9, 2)).toEqual([1e-9, 2e-9, 3e-9]);
  });
  it('stand around a single value', () => {
    expect(niceTicks(0, 0, 4)).toContain(0);
    const ticks = niceTicks(5, 5);
    expect(ticks[0]).toBeLessThan(5);
    expect(ticks[ticks.length - 1]).toBeGreaterThan(5);
  });
  it('of times and bytes are those that people use', () => {
    expect(niceTicks(0, 290, 5, 'seconds')).toEqual([0, 60, 120, 180, 240, 300]);
    expect(niceTicks(0, 3.5 * GI, 4, 'bytes')).toEqual([0, GI, 2 * GI, 3 * GI, 4 * GI]);
    expect(niceTicks(0, 900 * 1024 ** 2, 4, 'bytes').map(t => formatValue(t, 'bytes'))).toEqual([
      '0 B',
      '256 MiB',
      '512 MiB',
      '768 MiB',
      '1 GiB'
    ]);
  });
  it('of a logarithmic axis are powers of ten, with more between few', () => {
    expect(logTicks(0.001, 1000)).toEqual([0.001, 0.01, 0.1, 1, 10, 100, 1000]);
    expect(logTicks(0.3, 4)).toEqual([0.2, 0.5, 1, 2, 5]);
    expect(logTicks(1e-12, 1e12, 6).length).toBeLessThan(9);
    expect(logTicks(7, 7)).toEqual([5, 10]);
  });
});

describe('scales', () => {
  it('place values between 0 and 1', () => {
    const scale = linearScale(0, 9);
    expect([scale.place(0), scale.place(5), scale.place(10)]).toEqual([0, 0.5, 1]);
    const log = logScale(0.01, 100);
    expect(log.place(1)).toBeCloseTo(0.5);
  });
  it('end with the data where they are tight, and keep to whole steps', () => {
    const scale = tightScale(0, 3, 12, 'number', true);
    expect([scale.min, scale.max]).toEqual([0, 3]);
    expect(scale.ticks).toEqual([0, 1, 2, 3]);
  });
  it('know nothing of what is not finite', () => {
    expect(extent([NaN, 3, Infinity, -1])).toEqual([-1, 3]);
    expect(extent([NaN])).toBeNull();
  });
});

describe('numbers', () => {
  it('are as long as their neighbours need', () => {
    expect(formatNumber(0.1, 0.05)).toBe('0.10');
    expect(formatNumber(20, 10)).toBe('20');
    expect(formatNumber(0.30000000000000004)).toBe('0.3');
    expect(formatNumber(1e-5)).toBe('1e-5');
    expect(formatNumber(12345678)).toBe('1.235e7');
    expect(formatValue(0.425, 'percent')).toBe('42.5 %');
  });
});

describe('points', () => {
  const many: Point[] = Array.from({ length: 10_000 }, (_, i) => [i, i === 5432 ? 99 : Math.sin(i)]);
  it('are thinned without losing a peak or an end', () => {
    const few = decimate(many, 100);
    expect(few.length).toBeLessThanOrEqual(400);
    expect(few).toContainEqual([5432, 99]);
    expect(few[0]).toEqual(many[0]);
    expect(few[few.length - 1]).toEqual(many[many.length - 1]);
    expect(few.every((p, i) => i === 0 || p[0] > few[i - 1][0])).toBe(true);
    expect(decimate(many.slice(0, 9), 100)).toHaveLength(9);
  });
  it('at one place are not parted by nothing', () => {
    const same: Point[] = Array.from({ length: 50 }, (_, i) => [1, i]);
    expect(decimate(same, 2).length).toBeLessThanOrEqual(4);
  });
  it('are found by where one points', () => {
    const rising = places([
      {
        id: 'a',
        name: 'a',
        points: [
          [0, 1],
          [10, 2]
        ]
      },
      {
        id: 'b',
        name: 'b',
        points: [
          [4, 3],
          [10, 4]
        ]
      }
    ]);
    expect(rising).toEqual([0, 4, 10]);
    expect([-5, 1, 3, 6.9, 7.1, 99].map(x => nearest(rising, x))).toEqual([0, 0, 1, 1, 2, 2]);
    expect(nearest([], 1)).toBe(-1);
    expect([
      valueAt(
        [
          [0, 1],
          [10, 2]
        ],
        10
      ),
      valueAt(
        [
          [0, 1],
          [10, 2]
        ],
        4
      )
    ]).toEqual([2, null]);
    expect(thinned([1, 2, 3, 4, 5, 6], 3)).toEqual([1, 3, 5, 6]);
  });
});
