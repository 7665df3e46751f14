import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

/** Draws a component again when the signal fires. */
export function useSignal<S, A>(signal: ISignal<S, A>): void {
  const [, bump] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    const slot = () => bump();
    signal.connect(slot);
    return () => {
      signal.disconnect(slot);
    };
  }, [signal]);
}

/** The time, again every `ms` while `active`: for ages and durations. */
export function useNow(ms: number, active = true): number {
  const [now, setNow] = React.useState(Date.now);
  React.useEffect(() => {
    if (!active) {
      return;
    }
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms, active]);
  return now;
}
