/** Word of changes, and asking again while something is being made. */

import * as React from 'react';

import type { Actions } from '../actions';
import { Soon } from '../soon';

/** What may change how much a dataset holds. */
export const FILE_NEWS: readonly string[] = ['dataset', 'file', 'upload'];
const NEWS: readonly string[] = ['dataset'];

/** Calls back, not too often, when a dataset, or something else of these kinds, may have changed. */
export function useDatasetNews(actions: Actions, act: () => void, kinds = NEWS): void {
  const latest = React.useRef(act);
  latest.current = act;
  React.useEffect(() => {
    const soon = new Soon(() => latest.current(), 400);
    const { objectsChanged } = actions.session;
    const slot = (_: unknown, change: { kind: string } | null) => {
      if (change === null || kinds.includes(change.kind)) {
        soon.ask();
      }
    };
    objectsChanged.connect(slot);
    return () => {
      objectsChanged.disconnect(slot);
      soon.dispose();
    };
  }, [actions, kinds]);
}

/** Calls back again and again while `active`: what is made in the background says nothing by itself. */
export function useAgain(active: boolean, act: () => void): void {
  const latest = React.useRef(act);
  latest.current = act;
  React.useEffect(() => {
    if (!active) {
      return;
    }
    const timer = setInterval(() => latest.current(), 1500);
    return () => clearInterval(timer);
  }, [active]);
}
