import { describe, expect, it } from 'vitest';

import type { JobIn, PointOut } from '../api';
import {
  axisError,
  emptyAxis,
  emptySweep,
  parsePoint,
  parseValues,
  toSweep,
  withKind,
  type AxisDraft,
  type SweepDraft
} from '../sweeps/axis';
import { parts, pointText, progressText, sorted } from '../sweeps/words';
import { fromSweep, valuesText } from '../sweeps/refill';

const JOB: JobIn = {
  name: 'tune',
  command: 'train',
  instance_type: 'small',
  image: 'python',
  priority: 3,
  tags: ['a']
};
const axis = (name: string, change: Partial<AxisDraft>): AxisDraft => ({ ...emptyAxis(name), ...change });
const draft = (change: Partial<SweepDraft>): SweepDraft => ({ ...emptySweep(), ...change });

describe('values', () => {
  it('are JSON where they can be, text where they cannot', () => {
    expect(parseValues('0.1, 5,true , relu, "a, b", [1, 2], null')).toEqual([
      0.1,
      5,
      true,
      'relu',
      'a, b',
      [1, 2],
      null
    ]);
    expect(parseValues(' , ')).toEqual([]);
    expect(parseValues('1e-3\n1e-2')).toEqual([0.001, 0.01]);
  });
  it('come back as they were', () => {
    const values = [0.1, 'relu', '5', 'a, b', true, [1, 'x'], 'quo"te'];
    expect(parseValues(valuesText(values))).toEqual(values);
  });
  it('of a point stand in a line', () => {
    expect(parsePoint('lr=0.1, name="a, b"')).toEqual({ lr: 0.1, name: 'a, b' });
    expect(parsePoint('{"lr": 1}')).toEqual({ lr: 1 });
    expect([parsePoint('lr'), parsePoint('{"lr"'), parsePoint('[1]')]).toEqual([null, null, null]);
  });
});

describe('a sweep', () => {
  it('is a grid of lists and ranges', () => {
    const { sweep, errors } = toSweep(
      draft({
        axes: [
          axis('lr', { kind: 'spread', from: '0.001', to: '1', count: '3', log: true }),
          axis('layers', { kind: 'steps', from: '1', to: '3', step: '1' }),
          axis('act', { values: 'relu, tanh' })
        ],
        metric: 'loss',
        concurrency: '2'
      }),
      JOB
    );
    expect(errors).toEqual({});
    expect(sweep).toEqual({
      name: 'tune',
      job: { command: 'train', instance_type: 'small', image: 'python' },
      grid: {
        lr: { start: 0.001, stop: 1, count: 3, log: true },
        layers: { start: 1, stop: 3, step: 1 },
        act: { values: ['relu', 'tanh'] }
      },
      concurrency: 2,
      objective: { metric: 'loss', goal: 'minimize' },
      priority: 3,
      tags: ['a']
    });
  });
  it('says at which parameter something is missing', () => {
    const { errors } = toSweep(
      draft({
        axes: [axis('', {}), axis('lr', { kind: 'steps', from: 'x', to: '', step: '1' }), axis('lr', {})]
      }),
      JOB
    );
    expect(errors).toEqual({
      'axis.0': 'name the parameter',
      'grid.lr.start': 'must be a number',
      'grid.lr.stop': 'is needed',
      'axis.2': 'lr stands here twice'
    });
    expect(axisError(errors, 1, 'lr')).toBe('from: must be a number');
    expect(axisError({ 'random.space.lr': 'odd' }, 0, 'lr')).toBe('odd');
    expect(axisError({ 'grid.lrx': 'odd' }, 0, 'lr')).toBe('');
  });
  it('may be random, listed, or the same again', () => {
    const random = withKind(
      draft({ axes: [axis('lr', { kind: 'spread', from: '1', to: '2' })], count: '5', seed: '7' }),
      'random'
    );
    expect(toSweep(random, JOB).sweep.random).toEqual({
      space: { lr: { low: 1, high: 2, log: false, whole: false } },
      count: 5,
      seed: 7
    });
    expect(toSweep(draft({ kind: 'list', list: 'a=1\n\n{"a": 2}' }), JOB).sweep.list).toEqual([
      { a: 1 },
      { a: 2 }
    ]);
    expect(toSweep(draft({ kind: 'list', list: 'a=1\nnonsense' }), JOB).errors.list).toContain('line 2');
    expect(toSweep(draft({ kind: 'array', count: '4' }), JOB).sweep.array).toBe(4);
  });
  it('can be made again from what was sent', () => {
    const first = draft({
      axes: [
        axis('lr', { kind: 'spread', from: '0.1', to: '1', count: '3', log: true }),
        axis('act', { values: 'a, "5"' })
      ],
      metric: 'loss',
      goal: 'maximize'
    });
    const { sweep } = toSweep(first, JOB);
    const again = fromSweep(sweep, { concurrency: 0, objective: sweep.objective! });
    expect(toSweep(again, JOB).sweep).toEqual(sweep);
    const random = withKind(draft({ axes: [axis('lr', { from: '1', to: '2', kind: 'between' })] }), 'random');
    const sent = toSweep(random, JOB).sweep;
    expect(toSweep(fromSweep(sent, { concurrency: 0, objective: null }), JOB).sweep).toEqual(sent);
  });
});

describe('progress', () => {
  const counts = { Succeeded: 4, Failed: 1, Running: 2 };
  it('tells what is done and what is to come', () => {
    expect(progressText({ counts, total: 9, state: 'Running' })).toBe(
      '5 of 9 ended, 1 failed, 2 running, 2 to come'
    );
    const over = { Succeeded: 4, Cancelled: 1 };
    expect(progressText({ counts: over, total: 9, state: 'Cancelled' })).toContain('4 never made');
    expect(parts({ counts, total: 9, state: 'Running' }).reduce((n, p) => n + p.share, 0)).toBeCloseTo(1);
  });
  it('sorts points by any column, what is missing last', () => {
    const point = (n: number, value: number | null, lr: number): PointOut => ({
      point: n,
      values: { lr },
      job: null,
      state: null,
      value
    });
    const points = [point(0, 0.5, 10), point(1, null, 9), point(2, 0.1, 100)];
    const order = (by: string, down = false) => sorted(points, { by, down }).map(p => p.point);
    expect(order('value')).toEqual([2, 0, 1]);
    expect(order('value', true)).toEqual([0, 2, 1]);
    expect(order('=lr')).toEqual([1, 0, 2]);
    expect(order('point', true)).toEqual([2, 1, 0]);
    expect(pointText({ lr: 0.1, act: 'relu' })).toBe('lr 0.1, act relu');
  });
});
