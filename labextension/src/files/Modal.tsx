import * as React from 'react';

/** The browser's own dialog: it keeps the keyboard inside, and Escape closes it. */
export function Modal(props: {
  title: string;
  testid: string;
  wide?: boolean;
  onClose: () => void;
  children: React.ReactNode;
}): JSX.Element {
  const dialog = React.useRef<HTMLDialogElement>(null);
  const latest = React.useRef(props.onClose);
  latest.current = props.onClose;
  React.useEffect(() => {
    const node = dialog.current;
    const before = document.activeElement;
    const close = () => latest.current();
    node?.showModal();
    node?.addEventListener('close', close);
    return () => {
      node?.removeEventListener('close', close);
      if (before instanceof HTMLElement) {
        before.focus();
      }
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className={`clg-dialog${props.wide ? ' clg-dialog-wide' : ''}`}
      aria-label={props.title}
      data-testid={props.testid}
      // What is typed here is not for what lies below.
      onKeyDown={event => event.stopPropagation()}
    >
      <h2>{props.title}</h2>
      {props.children}
    </dialog>
  );
}
