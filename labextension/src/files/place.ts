import * as React from 'react';

/**
 * Keeps the keyboard's place: when what had the focus is taken away – a row that was deleted, a bar of buttons, a
 * dialog's last button – the focus goes to what `find` names, instead of to the start of the page. While `find` names
 * nothing, as in a list that still loads, it is asked again at the next drawing.
 */
export function usePlace(find: () => HTMLElement | null | undefined): {
  onFocus: (event: React.FocusEvent) => void;
  onBlur: () => void;
} {
  const last = React.useRef<Element | null>(null);
  React.useEffect(() => {
    if (!last.current || last.current.isConnected) {
      return;
    }
    const { activeElement } = document;
    if (activeElement && activeElement !== document.body) {
      last.current = null; // somebody has it already
      return;
    }
    const next = find();
    if (next) {
      last.current = null;
      next.focus();
    }
  });
  return {
    onFocus: event => {
      last.current = event.target;
    },
    // React tells of no blur for what it takes away itself, so this is somebody leaving.
    onBlur: () => {
      last.current = null;
    }
  };
}
