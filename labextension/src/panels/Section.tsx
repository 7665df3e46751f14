import * as React from 'react';

import { Icon } from '../icon';

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
  // What was never looked at asks the service for nothing.
  const [seen, setSeen] = React.useState(open);
  const body = `clg-section-${props.id}`;
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
            data-testid={`collegium-section-${props.id}`}
            onClick={() => {
              setSeen(true);
              setOpen(!open);
            }}
          >
            <Icon name={open ? 'down' : 'right'} />
            {props.title}
          </button>
        </h3>
        {open && props.tools}
      </header>
      <div id={body} className="clg-section-body" hidden={!open}>
        {seen && props.children}
      </div>
    </section>
  );
}
