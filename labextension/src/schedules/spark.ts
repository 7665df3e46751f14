/** Runs as bars: the height is the time a run took. */

import type { TrendPoint } from '../api';
import { dateTime, duration } from '../format';

export interface Bar {
  x: number;
  y: number;
  width: number;
  height: number;
  title: string;
}

/** A run without a time (it never started) still has a low bar, so that it is not overlooked. */
const LOWEST = 3;
const WIDEST = 12;

export function bars(points: readonly TrendPoint[], width: number, height: number): Bar[] {
  const most = Math.max(...points.map(p => p.seconds ?? 0), 1);
  const step = Math.min(WIDEST, width / Math.max(points.length, 1));
  return points.map((point, index) => {
    const tall = LOWEST + ((point.seconds ?? 0) / most) * (height - LOWEST - 1);
    return {
      x: index * step,
      y: height - tall,
      width: Math.max(1, step - 1),
      height: tall,
      title:
        `${dateTime(point.due_at)}: ${point.state}` +
        (point.seconds === null ? '' : `, ${duration(point.seconds * 1000)}`)
    };
  });
}
