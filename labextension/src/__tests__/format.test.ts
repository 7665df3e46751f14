import { describe, expect, it } from 'vitest';

import type { QuotaLine } from '../api';
import {
  bytes,
  compareVersions,
  duration,
  parseQuantity,
  quotaText,
  reasonWords,
  resourceList
} from '../format';

const GI = 1024 ** 3;
const line = (resource: string, unit: QuotaLine['unit'], used: number, limit: number | null): QuotaLine => ({
  resource,
  unit,
  used,
  limit,
  used_text: '',
  limit_text: null
});

describe('format', () => {
  it('writes quota lines in one unit', () => {
    expect(quotaText(line('cpu', 'millicores', 1500, 4000))).toBe('1.5 / 4 CPU');
    expect(quotaText(line('memory', 'bytes', GI / 2, 16 * GI))).toBe('0.5 / 16 GiB memory');
    expect(quotaText(line('memory', 'bytes', 0, null))).toBe('0 B memory, no limit');
    expect(quotaText(line('nvidia.com/gpu', 'count', 0, 0))).toBe('no GPU allowed');
    expect(quotaText(line('nvidia.com/gpu', 'count', 1, 0))).toBe('1 / 0 GPU');
    expect(quotaText(line('count/jobs', 'count', 1, null))).toBe('1 job, no limit');
    expect(quotaText(line('count/jobs', 'count', 1, 10))).toBe('1 / 10 jobs');
  });

  it('reads quantity text', () => {
    expect(['500m', '8Gi', '2', '1.5', '1e3', '2k'].map(parseQuantity)).toEqual([
      0.5,
      8 * GI,
      2,
      1.5,
      1000,
      2000
    ]);
    expect(['', 'x', '1Zi', '-1'].map(parseQuantity)).toEqual([null, null, null, null]);
    expect(resourceList({ 'nvidia.com/gpu': '1', memory: '16Gi', cpu: '500m', odd: 'many' })).toBe(
      '0.5 CPU, 16 GiB memory, 1 GPU, many odd'
    );
  });

  it('writes sizes, times and reasons', () => {
    expect([0, 1023, 1536, 5 * GI].map(bytes)).toEqual(['0 B', '1023 B', '1.5 KiB', '5 GiB']);
    expect([0, 59_000, 3_900_000, 3_600_000, 90_061_000].map(duration)).toEqual([
      '0s',
      '59s',
      '1h 5m',
      '1h',
      '1d 1h'
    ]);
    expect(reasonWords('OutOfMemory')).toBe('out of memory');
  });

  it('compares versions by number', () => {
    expect(compareVersions('0.10.0', '0.9.9')).toBeGreaterThan(0);
    expect(compareVersions('0.1.0', '0.1')).toBe(0);
    expect(compareVersions('0.1.0rc1', '0.2')).toBeLessThan(0);
  });
});
