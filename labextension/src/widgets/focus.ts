/** Where the keyboard is, in forms that come, go and are refused. */

import * as React from 'react';

/** Brings the first field that is wrong into sight, when React has drawn what is wrong. */
export function showInvalid(form: React.RefObject<HTMLElement>): void {
  setTimeout(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus(), 50);
}

/** The focus goes to what was opened, perhaps far from the button that did it, and back when it is closed. */
export function useEntered(place: React.RefObject<HTMLElement>, inner?: string): void {
  React.useEffect(() => {
    const before = document.activeElement;
    const node = inner ? place.current?.querySelector<HTMLElement>(inner) : place.current;
    node?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) {
        before.focus();
      }
    };
  }, [place, inner]);
}
