/** A long list of which some run of rows was fetched again. */

export interface Spliced<T> {
  items: T[];
  /** The rows after the run are still there; false: the run is the list's end as far as it is known. */
  kept: boolean;
}

/**
 * Puts `run`, fetched from position `start` on, into `old`. What stands in `old` between the start and the last row
 * that `run` has too was moved or is gone; what comes after that stays, unless the service says that nothing follows.
 */
export function splice<T extends { id: string }>(
  old: T[],
  start: number,
  run: T[],
  follows: boolean
): Spliced<T> {
  const fresh = new Set(run.map(item => item.id));
  let last = -1;
  old.forEach((item, index) => {
    if (index >= start && fresh.has(item.id)) {
      last = index;
    }
  });
  const without = (items: T[]) => items.filter(item => !fresh.has(item.id));
  const head = without(old.slice(0, start));
  // With no row in common it is not known how much lies between.
  const tail = follows && last >= 0 ? without(old.slice(last + 1)) : [];
  return { items: [...head, ...run, ...tail], kept: tail.length > 0 };
}
