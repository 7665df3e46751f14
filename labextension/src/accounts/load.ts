/** Asking the service from a component: what came, what went wrong, and asking again. */

import * as React from 'react';

export interface Loaded<T> {
  value: T | null;
  problem: unknown;
  busy: boolean;
  reload: () => void;
}

interface Answer<T> {
  key: string;
  value: T | null;
  problem: unknown;
}

/** Asks whenever `key` changes; an answer to another key is never shown. */
export function useLoad<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [answer, setAnswer] = React.useState<Answer<T>>({ key, value: null, problem: null });
  const [busy, setBusy] = React.useState(true);
  const [turn, reload] = React.useReducer((n: number) => n + 1, 0);
  const latest = React.useRef(load);
  latest.current = load;
  React.useEffect(() => {
    let gone = false;
    setBusy(true);
    const end = (value: T | null, problem: unknown) => {
      if (!gone) {
        // What was shown stays while asking again fails; the problem stands above it.
        setAnswer(before => ({
          key,
          value: value ?? (before.key === key ? before.value : null),
          problem
        }));
        setBusy(false);
      }
    };
    latest.current().then(
      value => end(value, null),
      problem => end(null, problem)
    );
    return () => {
      gone = true;
    };
  }, [key, turn]);
  const ours = answer.key === key;
  return { value: ours ? answer.value : null, problem: ours ? answer.problem : null, busy, reload };
}

export interface Action {
  busy: boolean;
  problem: unknown;
  /** True when it went well. */
  run: (work: () => Promise<unknown>) => Promise<boolean>;
  clear: () => void;
}

/** Something that a button does: one at a time, and its failure is shown where the button is. */
export function useAction(): Action {
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<unknown>(null);
  const running = React.useRef(false);
  const run = async (work: () => Promise<unknown>): Promise<boolean> => {
    if (running.current) {
      return false;
    }
    running.current = true;
    setBusy(true);
    setProblem(null);
    try {
      await work();
      return true;
    } catch (error) {
      setProblem(error);
      return false;
    } finally {
      running.current = false;
      setBusy(false);
    }
  };
  return { busy, problem, run, clear: () => setProblem(null) };
}

export interface Paged<T> extends Omit<Loaded<T[]>, 'value'> {
  items: T[] | null;
  more: (() => void) | null;
}

/** Pages of a list, one after the other. */
export function usePages<T>(
  key: string,
  load: (cursor?: string) => Promise<{ items: T[]; next_cursor?: string | null }>
): Paged<T> {
  const first = useLoad(key, () => load());
  const [rest, setRest] = React.useState<{ of: unknown; items: T[]; next: string | null } | null>(null);
  const action = useAction();
  const added = rest && rest.of === first.value ? rest : null;
  const next = added ? added.next : (first.value?.next_cursor ?? null);
  const more = () =>
    void action.run(async () => {
      const page = await load(next!);
      setRest({
        of: first.value,
        items: [...(added?.items ?? []), ...page.items],
        next: page.next_cursor ?? null
      });
    });
  return {
    items: first.value && [...first.value.items, ...(added?.items ?? [])],
    more: next ? more : null,
    busy: first.busy || action.busy,
    problem: first.problem ?? action.problem,
    reload: first.reload
  };
}
