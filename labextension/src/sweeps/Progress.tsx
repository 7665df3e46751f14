import * as React from 'react';

import type { SweepOut } from '../api';
import { parts, progressText } from './words';

/** A bar with a part for each state, and the same in words. */
export function Progress({ sweep, bare }: { sweep: SweepOut; bare?: boolean }): JSX.Element {
  const text = progressText(sweep);
  return (
    <div className="clg-sweep-progress">
      <div className="clg-sweep-bar" role="img" aria-label={text}>
        {parts(sweep).map(({ state, share }) => (
          <span
            key={state}
            className={`clg-sweep-part clg-sweep-${state.toLowerCase().replace(' ', '-')}`}
            style={{ width: `${share * 100}%` }}
          />
        ))}
      </div>
      {!bare && (
        <span className="clg-hint" data-testid="collegium-sweep-progress">
          {text}
        </span>
      )}
    </div>
  );
}
