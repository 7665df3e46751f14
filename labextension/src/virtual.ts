/** Draws only the part of a long list that can be seen. All rows have one height. */

import * as React from 'react';

export interface Span {
  /** First row to draw, and the one after the last. */
  start: number;
  end: number;
}

/** The rows that a view of `height` shows whose top stands `scrolled` below the list's top, and a few around them. */
export function spanOf(scrolled: number, height: number, row: number, count: number, around = 8): Span {
  const first = Math.floor(Math.max(0, scrolled) / row) - around;
  const last = Math.ceil((Math.max(0, scrolled + height) || 0) / row) + around;
  const end = Math.min(count, Math.max(0, last));
  return { start: Math.min(Math.max(0, first), end), end };
}

/** The nearest ancestor that scrolls; null is the page itself. */
function scroller(node: HTMLElement): HTMLElement | null {
  for (let at = node.parentElement; at && at !== document.body; at = at.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(at).overflowY)) {
      return at;
    }
  }
  return null;
}

export interface Virtual extends Span {
  list: React.RefObject<HTMLDivElement>;
  /** Brings a row into view; draws it at once, so that it can have the focus. */
  reveal: (index: number) => void;
}

/** For a list inside whatever scrolls around it, a panel or the page. */
export function useVirtual(count: number, row: number): Virtual {
  const list = React.useRef<HTMLDivElement>(null);
  const [span, setSpan] = React.useState<Span>({ start: 0, end: Math.min(count, 30) });
  const look = React.useCallback(() => {
    const node = list.current;
    if (!node) {
      return;
    }
    const box = scroller(node)?.getBoundingClientRect();
    const top = Math.max(0, box?.top ?? 0);
    const bottom = Math.min(window.innerHeight, box?.bottom ?? window.innerHeight);
    const next = spanOf(top - node.getBoundingClientRect().top, bottom - top, row, count);
    setSpan(before => (before.start === next.start && before.end === next.end ? before : next));
  }, [count, row]);
  React.useLayoutEffect(look);
  React.useEffect(() => {
    let frame = 0;
    const later = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(look);
    };
    // Scrolling does not bubble, so that of any ancestor is caught on its way down.
    document.addEventListener('scroll', later, { capture: true, passive: true });
    window.addEventListener('resize', later);
    const watch = new ResizeObserver(later);
    if (list.current) {
      watch.observe(scroller(list.current) ?? list.current);
    }
    return () => {
      cancelAnimationFrame(frame);
      document.removeEventListener('scroll', later, { capture: true });
      window.removeEventListener('resize', later);
      watch.disconnect();
    };
  }, [look]);
  const reveal = React.useCallback(
    (index: number) => {
      const node = list.current;
      if (!node) {
        return;
      }
      const box = scroller(node);
      const frame = box?.getBoundingClientRect() ?? { top: 0, bottom: window.innerHeight };
      const top = node.getBoundingClientRect().top + index * row;
      // What stays in view above the list covers part of it.
      const above = frame.top + (node.dataset.above ? Number(node.dataset.above) : 0);
      const by = top < above ? top - above : Math.max(0, top + row - frame.bottom);
      (box ?? window).scrollBy({ top: by });
      look();
    },
    [look, row]
  );
  return { ...span, list, reveal };
}
