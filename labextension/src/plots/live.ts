/** Asking the service again and again while something runs. */

import * as React from 'react';

import { useLoad, type Loaded } from '../accounts/load';

const PAUSE = 5000;

/** As `useLoad`, repeated while `live` and while somebody can see the page; once more when `live` ends. */
export function useLive<T>(key: string, live: boolean, load: () => Promise<T>, ms = PAUSE): Loaded<T> {
  const loaded = useLoad(key, load);
  const { reload } = loaded;
  const was = React.useRef(live);
  React.useEffect(() => {
    if (!live) {
      if (was.current) {
        reload();
      }
      was.current = false;
      return;
    }
    was.current = true;
    const timer = setInterval(() => !document.hidden && reload(), ms);
    return () => clearInterval(timer);
  }, [live, ms, reload]);
  return loaded;
}

/** How wide an element is, as it changes. */
export function useWidth<E extends HTMLElement>(initial: number): [React.RefObject<E>, number] {
  const box = React.useRef<E>(null);
  const [width, setWidth] = React.useState(initial);
  React.useEffect(() => {
    const element = box.current;
    if (!element) {
      return;
    }
    const observer = new ResizeObserver(entries => {
      const found = Math.floor(entries[entries.length - 1].contentRect.width);
      // A hidden tab has none; it is drawn again when it is shown.
      if (found > 0) {
        setWidth(found);
      }
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [box, width];
}
