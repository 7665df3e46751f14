/** Small parts that the pages of datasets share. */

import * as React from 'react';

import { Badge, Problem } from '../accounts/parts';
import type { Actions } from '../actions';
import type { AccessMode, SourceHealthOut, UseOut } from '../api';
import { ApiError } from '../client';
import { dateTime } from '../format';
import { ACCESS, HEALTH, usesIn, holderText } from './words';

/** `ro` or `rw`; what it means on hovering and for screen readers. */
export function AccessBadge({ access }: { access: AccessMode }): JSX.Element {
  return (
    <span title={ACCESS[access]} data-testid="collegium-dataset-access" data-access={access}>
      <Badge word={access} />
      <span className="clg-visually-hidden"> {ACCESS[access]}</span>
    </span>
  );
}

/** Whether the source was there; the reason stands beside it where it was not. */
export function HealthBadge({ health, plain }: { health: SourceHealthOut; plain?: boolean }): JSX.Element {
  const { word, tone, text } = HEALTH[health.state];
  const looked = health.checked_at ? `Looked at ${dateTime(health.checked_at)}.` : '';
  const why = health.message || text;
  return (
    <span className="clg-health" data-testid="collegium-dataset-health" data-state={health.state}>
      <span title={`${why} ${looked}`.trim()}>
        <Badge word={word} tone={tone} />
      </span>
      {!plain && health.message && <span className="clg-hint"> {health.message}</span>}
    </span>
  );
}

export function Tags({ tags }: { tags: readonly string[] }): JSX.Element | null {
  return tags.length === 0 ? null : (
    <span className="clg-tag-line">
      {tags.map(tag => (
        <span key={tag} className="clg-tag">
          {tag}
        </span>
      ))}
    </span>
  );
}

/** A text with a button that copies it. */
export function CopyText({ text, label }: { text: string; label: string }): JSX.Element {
  const code = React.useRef<HTMLElement>(null);
  const [said, say] = React.useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say('Copied');
    } catch {
      // Without a secure origin there is no clipboard.
      if (code.current) {
        window.getSelection()?.selectAllChildren(code.current);
      }
      say('Press Ctrl+C');
    }
    setTimeout(() => say(''), 2000);
  };
  return (
    <span className="clg-copy-text">
      <code ref={code} className="clg-path">
        {text}
      </code>{' '}
      <button type="button" className="clg-link" aria-label={`Copy: ${label}`} onClick={() => void copy()}>
        {said || 'Copy'}
      </button>
      <span className="clg-visually-hidden" role="status">
        {said}
      </span>
    </span>
  );
}

/** What went wrong, with what is in the way where the service lists it. */
export function InTheWay({ of, actions }: { of: unknown; actions?: Actions }): JSX.Element | null {
  const uses = of instanceof ApiError ? usesIn(of.details) : [];
  return (
    <>
      <Problem of={of} />
      {uses.length > 0 && <UseList uses={uses} actions={actions} label="In the way" />}
    </>
  );
}

/** Workloads in a short list; jobs of the chosen group can be opened. */
export function UseList(props: { uses: UseOut[]; actions?: Actions; label: string }): JSX.Element {
  return (
    <ul aria-label={props.label} data-testid="collegium-dataset-holders">
      {props.uses.map(use => (
        <li key={`${use.kind}/${use.id}`}>
          <UseLink use={use} actions={props.actions} long />
          {typeof use.version === 'number' && <span className="clg-hint"> (version {use.version})</span>}
        </li>
      ))}
    </ul>
  );
}

export function UseLink(props: { use: UseOut; actions?: Actions; long?: boolean }): JSX.Element {
  const { use, actions, long } = props;
  const text = long ? holderText(use) : use.label || use.id;
  const known = actions?.session.context?.groups.some(g => g.name === use.group);
  return actions && use.kind === 'job' && known ? (
    <button
      type="button"
      className="clg-link"
      onClick={() => actions.openJob({ group: use.group, id: use.id, name: use.label || use.id }, 'details')}
    >
      {text}
    </button>
  ) : (
    <span>{text}</span>
  );
}
