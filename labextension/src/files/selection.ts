/** Which rows of a list are chosen, and what clicks and keys do to that; nothing here draws. */

export interface Selection {
  chosen: ReadonlySet<string>;
  /** The row that has the focus. */
  at: number;
  /** Where a range starts. */
  anchor: number;
}

export const NOTHING: Selection = { chosen: new Set(), at: 0, anchor: 0 };

export interface Keys {
  shift: boolean;
  /** Ctrl, or Command. */
  add: boolean;
}

function range(keys: readonly string[], from: number, to: number): Set<string> {
  const [low, high] = from < to ? [from, to] : [to, from];
  return new Set(keys.slice(low, high + 1));
}

/** Like in every file manager: alone, with Shift a range, with Ctrl one more or one less. */
export function clicked(was: Selection, keys: readonly string[], index: number, held: Keys): Selection {
  if (held.shift) {
    const chosen = range(keys, was.anchor, index);
    return { chosen: held.add ? new Set([...was.chosen, ...chosen]) : chosen, at: index, anchor: was.anchor };
  }
  if (held.add) {
    return toggled(was, keys, index);
  }
  return { chosen: new Set([keys[index]]), at: index, anchor: index };
}

export function toggled(was: Selection, keys: readonly string[], index: number): Selection {
  const chosen = new Set(was.chosen);
  if (!chosen.delete(keys[index])) {
    chosen.add(keys[index]);
  }
  return { chosen, at: index, anchor: index };
}

/** The focus goes elsewhere; with Shift the range follows it. */
export function moved(was: Selection, keys: readonly string[], to: number, shift: boolean): Selection {
  const at = Math.max(0, Math.min(keys.length - 1, to));
  return shift
    ? { chosen: range(keys, was.anchor, at), at, anchor: was.anchor }
    : { chosen: was.chosen, at, anchor: at };
}

/** After the list has changed: what is gone is no longer chosen, and the focus stays on what it was on. */
export function kept(was: Selection, before: readonly string[], after: readonly string[]): Selection {
  const there = new Set(after);
  const follow = (index: number) => {
    const found = after.indexOf(before[index]);
    return found >= 0 ? found : Math.max(0, Math.min(index, after.length - 1));
  };
  return {
    chosen: new Set([...was.chosen].filter(key => there.has(key))),
    at: follow(was.at),
    anchor: follow(was.anchor)
  };
}
