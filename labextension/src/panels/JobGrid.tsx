import * as React from 'react';

import type { Actions } from '../actions';
import { isFinal } from '../format';
import { useNow } from '../hooks';
import type { JobList } from '../joblist';
import { useVirtual } from '../virtual';
import { JobRow } from './JobRow';

/** Rows that Page Up and Page Down go. */
const LEAP = 10;

/** The list itself: however long it is, only what can be seen is drawn; arrows, Home, End, Enter and Space work. */
export function JobGrid(props: { jobs: JobList; actions: Actions; height: number }): JSX.Element {
  const { jobs, actions, height } = props;
  const { items } = jobs;
  const view = useVirtual(items.length, height);
  const { list, start, end, reveal } = view;
  const [active, setActive] = React.useState(0);
  const anchor = React.useRef(0);
  const wanted = React.useRef(-1);
  const at = Math.min(active, items.length - 1);
  const shown = items.slice(start, end);
  const now = useNow(shown.some(j => !isFinal(j.state)) ? 1000 : 30_000, items.length > 0);
  React.useEffect(() => jobs.look({ start, end }), [jobs, start, end, items.length]);
  React.useLayoutEffect(() => {
    if (wanted.current >= 0) {
      list.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"]`)?.focus();
      wanted.current = -1;
    }
  });
  const move = (to: number, extend: boolean) => {
    const next = Math.max(0, Math.min(items.length - 1, to));
    wanted.current = next;
    setActive(next);
    reveal(next);
    if (extend) {
      select(anchor.current, next);
    } else {
      anchor.current = next;
    }
  };
  const select = (from: number, to: number) => {
    const [low, high] = from < to ? [from, to] : [to, from];
    jobs.choose(items.slice(low, high + 1).map(j => j.id));
  };
  const toggle = (index: number, range: boolean) => {
    if (range) {
      select(anchor.current, index);
    } else {
      anchor.current = index;
      jobs.toggle(items[index].id);
    }
    setActive(index);
  };
  // The rows keep these for good; what they do is always the newest.
  const latest = React.useRef({ toggle, setActive });
  latest.current = { toggle, setActive };
  const onToggle = React.useCallback((i: number, range: boolean) => latest.current.toggle(i, range), []);
  const onActivate = React.useCallback((i: number) => latest.current.setActive(i), []);
  const onKeyDown = (event: React.KeyboardEvent) => {
    const onRow = (event.target as HTMLElement).getAttribute('role') === 'row';
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + LEAP,
      PageUp: at - LEAP,
      Home: 0,
      End: items.length - 1
    };
    if (event.key in steps) {
      move(steps[event.key], event.shiftKey);
    } else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) {
      jobs.choose(items.map(j => j.id));
    } else if (event.key === 'Escape' && jobs.chosen.size > 0) {
      jobs.choose([]);
    } else if (onRow && event.key === 'Enter') {
      actions.openJob(items[at]);
    } else if (onRow && event.key === ' ') {
      toggle(at, event.shiftKey);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  // The row with the focus stays drawn when it is scrolled out of view, or the keyboard would lose its place.
  const drawn = shown.map((_, i) => start + i);
  if (at >= 0 && (at < start || at >= end)) {
    drawn.push(at);
  }
  return (
    <div
      ref={list}
      role="grid"
      className="clg-job-grid"
      data-testid="collegium-job-grid"
      data-above={40}
      aria-label="Jobs"
      aria-multiselectable="true"
      aria-rowcount={jobs.total ?? (jobs.cursor ? -1 : items.length)}
      style={{ height: items.length * height }}
      onKeyDown={onKeyDown}
    >
      {drawn.map(index => {
        const job = items[index];
        return (
          <JobRow
            key={job.id}
            job={job}
            index={index}
            top={index * height}
            height={height}
            now={now}
            mine={job.user === actions.session.user}
            active={index === at}
            chosen={jobs.everything || jobs.chosen.has(job.id)}
            actions={actions}
            onToggle={onToggle}
            onActivate={onActivate}
          />
        );
      })}
    </div>
  );
}
