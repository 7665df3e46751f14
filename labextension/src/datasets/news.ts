/** Word of changes, and asking again while something is being made. */

import * as React from 'react';

import type { Actions } from '../actions';

/** Calls back, not too often, when a dataset may have changed. */
export function useDatasetNews(actions: Actions, act: () => void): void {
  const latest = React.useRef(act);
  latest.current = act;
  React.useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const { objectsChanged } = actions.session;
    const slot = (_: unknown, change: { kind: string } | null) => {
      if (change === null || change.kind === 'dataset') {
        timer ??= setTimeout(() => {
          timer = undefined;
          latest.current();
        }, 400);
      }
    };
    objectsChanged.connect(slot);
    return () => {
      objectsChanged.disconnect(slot);
      clearTimeout(timer);
    };
  }, [actions]);
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
