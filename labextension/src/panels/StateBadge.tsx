import * as React from 'react';

import type { JobState } from '../api';
import { Icon } from '../icon';

/** A state as shape, word and colour, in this order of weight. */
export function StateBadge(props: { state: JobState; testid: string; cancelling?: boolean }): JSX.Element {
  return (
    <span className={`clg-state clg-state-${props.state.toLowerCase()}`} data-testid={props.testid}>
      <Icon name={props.state} />
      <span>{props.state}</span>
      {props.cancelling && <span className="clg-hint"> (cancelling)</span>}
    </span>
  );
}
