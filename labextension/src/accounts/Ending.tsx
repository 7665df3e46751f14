import * as React from 'react';

import type { RevocationOut } from '../api';
import { dateTime } from '../format';
import { REASONS } from './Revocations';

/** What one still runs where one has no right to it any more, so that one can save what is worth it. */
export function Ending({ rows }: { rows: RevocationOut[] }): JSX.Element | null {
  const open = rows.filter(row => row.ended_at === null);
  if (open.length === 0) {
    return null;
  }
  return (
    <div className="clg-ending" role="alert" data-testid="collegium-ending">
      {open.map(row => (
        <p key={row.id}>
          What you run in <strong>{row.group}</strong> is stopped at {dateTime(row.due_at)} (
          {REASONS[row.reason]}
          ): {row.holders.map(holder => `${holder.kind} ${holder.label || holder.id}`).join(', ')}. Save what
          you need.
        </p>
      ))}
    </div>
  );
}
