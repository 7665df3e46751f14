import * as React from 'react';

import type { Topic } from '../api';
import { EVENTS } from './form';

/** On which ends there is word. */
export function EventChoices(props: {
  value: readonly Topic[];
  error?: string;
  onChange: (events: Topic[]) => void;
}): JSX.Element {
  const { value, onChange } = props;
  return (
    <fieldset className="clg-checks">
      <legend>When</legend>
      {EVENTS.map(([event, title]) => (
        <label key={event} className="clg-check">
          <input
            type="checkbox"
            data-testid={`collegium-event-${event}`}
            checked={value.includes(event)}
            onChange={() =>
              onChange(value.includes(event) ? value.filter(e => e !== event) : [...value, event])
            }
          />
          {title}
        </label>
      ))}
      {props.error && (
        <p className="clg-error" role="alert">
          {props.error}
        </p>
      )}
    </fieldset>
  );
}
