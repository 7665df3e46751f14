import * as React from 'react';

import type { JobState } from '../api';
import { stateIcons } from '../icons';

/** A state as shape, word and colour, in this order of weight. */
export function StateBadge(props: { state: JobState; testid: string; cancelling?: boolean }): JSX.Element {
  const icon = stateIcons[props.state] ?? stateIcons.Pending;
  return (
    <span className={`clg-state clg-state-${props.state.toLowerCase()}`} data-testid={props.testid}>
      <icon.react tag="span" className="clg-icon" />
      <span>{props.state}</span>
      {props.cancelling && <span className="clg-hint"> (cancelling)</span>}
    </span>
  );
}
