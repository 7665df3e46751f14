/** Points of lines: fewer for drawing, and the one that is meant when a place is pointed at. */

export type Point = readonly [x: number, y: number];

export interface Series {
  /** What tells it apart from the others. */
  id: string;
  name: string;
  points: readonly Point[];
}

/**
 * At most four points for each of `columns` slices of the range: the first, the lowest, the highest and the last. Drawn as
 * wide as that, no peak is lost and the line looks the same.
 */
export function decimate(points: readonly Point[], columns: number): readonly Point[] {
  if (points.length <= columns * 4 || columns < 1) {
    return points;
  }
  const start = points[0][0];
  const width = (points[points.length - 1][0] - start) / columns;
  const kept: Point[] = [];
  let from = 0;
  while (from < points.length) {
    const slice =
      width > 0 ? Math.min(columns - 1, Math.floor((points[from][0] - start) / width)) : columns - 1;
    const end = slice === columns - 1 ? Infinity : start + (slice + 1) * width;
    let [to, low, high] = [from, from, from];
    while (to + 1 < points.length && points[to + 1][0] < end) {
      to++;
      low = points[to][1] < points[low][1] ? to : low;
      high = points[to][1] > points[high][1] ? to : high;
    }
    const wanted = [...new Set([from, low, high, to])].sort((a, b) => a - b);
    wanted.forEach(i => kept.push(points[i]));
    from = to + 1;
  }
  return kept;
}

/** All places that any line has a point at, rising. */
export function places(series: readonly Series[]): number[] {
  const all = new Set<number>();
  series.forEach(s => s.points.forEach(([x]) => all.add(x)));
  return [...all].sort((a, b) => a - b);
}

/** Index of the number that is nearest; the list rises. -1 for none. */
export function nearest(rising: readonly number[], x: number): number {
  let [low, high] = [0, rising.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rising[middle] <= x) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return high < 0 || x - rising[low] <= rising[high] - x ? Math.min(low, high) : high;
}

/** The line's value at a place; null where it has none. Its points rise. */
export function valueAt(points: readonly Point[], x: number): number | null {
  let [low, high] = [0, points.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] === x) {
      return points[middle][1];
    }
    if (points[middle][0] < x) {
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return null;
}

/** Every n-th, so that at most `most` are left; the last one always. */
export function thinned<T>(items: readonly T[], most: number): T[] {
  const stride = Math.max(1, Math.ceil(items.length / most));
  return items.filter((_, i) => i % stride === 0 || i === items.length - 1);
}
