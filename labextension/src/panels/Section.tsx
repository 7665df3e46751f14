import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

/** A part of the sidebar that can be folded. */
export function Section(props: {
  id: string;
  title: string;
  tools?: React.ReactNode;
  children: React.ReactNode;
  open?: boolean;
  grow?: boolean;
}): JSX.Element {
  const [open, setOpen] = React.useState(props.open ?? true);
  const body = `clg-section-${props.id}`;
  const Caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section
      className={`clg-section${props.grow && open ? ' clg-section-grow' : ''}`}
      aria-labelledby={`${body}-title`}
    >
      <header className="clg-section-header">
        <h3 id={`${body}-title`}>
          <button
            type="button"
            className="clg-fold"
            aria-expanded={open}
            aria-controls={body}
            onClick={() => setOpen(!open)}
          >
            <Caret.react tag="span" className="clg-icon" />
            {props.title}
          </button>
        </h3>
        {open && props.tools}
      </header>
      <div id={body} className="clg-section-body" hidden={!open}>
        {props.children}
      </div>
    </section>
  );
}
