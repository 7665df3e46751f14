import * as React from 'react';

export interface MenuLink {
  title: string;
  href: string;
  testid: string;
}

/** The person's menu: opens by click or key, closes by Escape, by choosing, and when the focus goes elsewhere. */
export function ProfileMenu(props: {
  user: string;
  note?: string;
  links: MenuLink[];
  /** In tabs of their own: what is open here is not to be lost. */
  blank?: boolean;
}): JSX.Element {
  const box = React.useRef<HTMLDetailsElement>(null);
  const close = () => {
    if (box.current) {
      box.current.open = false;
    }
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const items = [...(box.current?.querySelectorAll<HTMLElement>('a') ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    if (event.key === 'Escape') {
      close();
      box.current?.querySelector('summary')?.focus();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (box.current) {
        box.current.open = true;
      }
      const step = event.key === 'ArrowDown' ? 1 : -1;
      items[(at + step + items.length) % items.length]?.focus();
    }
  };
  const onBlur = (event: React.FocusEvent) => {
    if (event.relatedTarget && !box.current?.contains(event.relatedTarget as Node)) {
      close();
    }
  };
  return (
    <details
      ref={box}
      className="clg-menu"
      data-testid="collegium-menu"
      onKeyDown={onKeyDown}
      onBlur={onBlur}
    >
      <summary aria-label={`Account of ${props.user}`}>
        <span className="clg-menu-user">{props.user}</span>
        {props.note && <span className="clg-hint"> {props.note}</span>}
      </summary>
      <ul className="clg-menu-list">
        {props.links.map(link => (
          <li key={link.testid}>
            <a
              href={link.href}
              data-testid={link.testid}
              target={props.blank ? '_blank' : undefined}
              rel={props.blank ? 'noopener' : undefined}
              onClick={close}
            >
              {link.title}
            </a>
          </li>
        ))}
      </ul>
    </details>
  );
}
