/** Small parts that the account pages share. */

import * as React from 'react';

import { ApiError, messageOf } from '../client';
import { dateTime } from '../format';

/** What went wrong, in the service's words, and what can be done about it. */
export function Problem({ of, retry }: { of: unknown; retry?: () => void }): JSX.Element | null {
  if (!of) {
    return null;
  }
  const login = of instanceof ApiError && of.kind === 'login';
  const how = of instanceof ApiError && typeof of.details.how === 'string' ? of.details.how : '';
  return (
    <div className="clg-problem" role="alert" data-testid="collegium-problem">
      <p>{login ? 'Your login has ended. Log in again to go on.' : messageOf(of)}</p>
      {how && <p>{how}</p>}
      {of instanceof ApiError && of.requestId && of.status >= 500 && (
        <p className="clg-hint">Request {of.requestId}</p>
      )}
      {(login || retry) && (
        <div className="clg-actions">
          {login ? (
            <button type="button" className="clg-button clg-primary" onClick={() => window.location.reload()}>
              Log in again
            </button>
          ) : (
            <button type="button" className="clg-button clg-small" onClick={retry}>
              Try again
            </button>
          )}
        </div>
      )}
    </div>
  );
}

/** A list's place: waiting, its problem, that it is empty, or the list. */
export function Listed(props: {
  items: unknown[] | null;
  problem: unknown;
  empty: React.ReactNode;
  retry: () => void;
  children: React.ReactNode;
}): JSX.Element {
  return (
    <>
      <Problem of={props.problem} retry={props.retry} />
      {props.items === null
        ? !props.problem && (
            <p className="clg-hint" role="status">
              Loading …
            </p>
          )
        : props.items.length === 0
          ? !props.problem && (
              <p className="clg-empty" data-testid="collegium-empty">
                {props.empty}
              </p>
            )
          : props.children}
    </>
  );
}

export function Table(props: {
  label: string;
  columns: React.ReactNode[];
  testid?: string;
  children: React.ReactNode;
}): JSX.Element {
  return (
    <div className="clg-table-wrap" data-testid={props.testid}>
      <table className="clg-table" aria-label={props.label}>
        <thead>
          <tr>
            {props.columns.map((column, index) => (
              <th key={index} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}

/** One click or one key; without a secure origin there is no clipboard, so the text is selected instead. */
export function CopyBox({
  text,
  label,
  testid
}: {
  text: string;
  label: string;
  testid?: string;
}): JSX.Element {
  const field = React.useRef<HTMLInputElement>(null);
  const [said, say] = React.useState('');
  const copy = async () => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(text);
      say('Copied.');
    } catch {
      say('Press Ctrl+C to copy.');
    }
  };
  return (
    <div className="clg-copy">
      <input
        ref={field}
        className="clg-input clg-code"
        aria-label={label}
        data-testid={testid}
        readOnly
        value={text}
        onFocus={event => event.target.select()}
      />
      <button type="button" className="clg-button" onClick={() => void copy()}>
        Copy
      </button>
      <span className="clg-hint" role="status">
        {said}
      </span>
    </div>
  );
}

/** A button that asks once more; the browser's own dialog keeps the keyboard inside and closes on Escape. */
export function Confirmed(props: {
  label: string;
  question: string;
  action?: string;
  danger?: boolean;
  disabled?: boolean;
  /** Why it is disabled. */
  reason?: string;
  /** What it acts on, for those who do not see the row that it stands in. */
  of?: string;
  testid?: string;
  className?: string;
  onConfirm: () => void;
}): JSX.Element {
  const dialog = React.useRef<HTMLDialogElement>(null);
  const cancel = React.useRef<HTMLButtonElement>(null);
  return (
    <>
      <button
        type="button"
        className={props.className ?? 'clg-button clg-small'}
        disabled={props.disabled || !!props.reason}
        title={props.reason || undefined}
        aria-label={props.of && `${props.label}: ${props.of}`}
        data-testid={props.testid}
        onClick={() => {
          dialog.current?.showModal();
          // The browser would choose the first button, and a second Enter would confirm.
          cancel.current?.focus();
        }}
      >
        {props.label}
      </button>
      <dialog ref={dialog} className="clg-dialog" aria-label={props.label}>
        <form method="dialog">
          <p>{props.question}</p>
          <div className="clg-actions">
            <button
              type="submit"
              className={`clg-button ${props.danger ? 'clg-danger' : 'clg-primary'}`}
              onClick={props.onConfirm}
            >
              {props.action ?? props.label}
            </button>
            <button ref={cancel} type="submit" className="clg-button">
              Cancel
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}

/** A word in a box; the word says it, the colour only helps. */
export function Badge({ word, tone }: { word: string; tone?: 'good' | 'bad' | 'warn' }): JSX.Element {
  return <span className={`clg-badge${tone ? ` clg-badge-${tone}` : ''}`}>{word}</span>;
}

/** The user's own notation, the exact instant for programs. */
export function Time({ at }: { at: string | null | undefined }): JSX.Element {
  return at ? <time dateTime={at}>{dateTime(at)}</time> : <span className="clg-hint">–</span>;
}

/** The next page of a list. */
export function More({ more, busy }: { more: (() => void) | null; busy: boolean }): JSX.Element | null {
  return (
    more && (
      <button type="button" className="clg-button clg-more" disabled={busy} onClick={more}>
        Show more
      </button>
    )
  );
}

/** A text field that tells what was typed when typing pauses or Enter is pressed. */
export function Search(props: {
  label: string;
  value: string;
  testid?: string;
  onSearch: (text: string) => void;
}): JSX.Element {
  const [text, setText] = React.useState(props.value);
  const latest = React.useRef(props.onSearch);
  latest.current = props.onSearch;
  const { value } = props;
  React.useEffect(() => setText(value), [value]);
  React.useEffect(() => {
    const timer = setTimeout(() => text.trim() !== value && latest.current(text.trim()), 400);
    return () => clearTimeout(timer);
  }, [text, value]);
  return (
    <form
      role="search"
      onSubmit={event => {
        event.preventDefault();
        latest.current(text.trim());
      }}
    >
      <input
        type="search"
        className="clg-input"
        aria-label={props.label}
        placeholder={props.label}
        data-testid={props.testid}
        value={text}
        onChange={event => setText(event.target.value)}
      />
    </form>
  );
}
