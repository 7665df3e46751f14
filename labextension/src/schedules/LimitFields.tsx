import * as React from 'react';

import { errorAt } from '../errors';
import { Field } from '../widgets/Field';
import type { FormModel } from '../widgets/FormModel';

interface Props {
  id: string;
  model: FormModel;
}

/** From when, until when, how often at most. */
export function Bounds({ id, model }: Props): JSX.Element {
  const { draft, errors } = model;
  const moment = (name: 'start' | 'end', title: string, field: string) => (
    <Field id={`${id}-${name}`} title={title} error={errorAt(errors, field)}>
      {aria => (
        <input
          {...aria}
          className="clg-input"
          type="datetime-local"
          data-testid={`collegium-when-${name}`}
          value={draft.schedule[name]}
          onChange={e => {
            model.clearError(field);
            model.setSchedule({ [name]: e.target.value });
          }}
        />
      )}
    </Field>
  );
  return (
    <div className="clg-columns">
      {moment('start', 'Not before', 'start_at')}
      {moment('end', 'Not after', 'end_at')}
      <Field id={`${id}-max-runs`} title="Most runs" error={errorAt(errors, 'max_runs')}>
        {aria => (
          <input
            {...aria}
            className="clg-input clg-input-number"
            type="number"
            min={1}
            placeholder="no limit"
            data-testid="collegium-when-max-runs"
            value={draft.schedule.maxRuns}
            onChange={e => {
              model.clearError('max_runs');
              model.setSchedule({ maxRuns: e.target.value });
            }}
          />
        )}
      </Field>
    </div>
  );
}

const OVERLAP = [
  ['forbid', 'leave the new one out'],
  ['allow', 'run both'],
  ['replace', 'cancel the earlier one']
] as const;
const MISSED = [
  ['once', 'run once for all of them'],
  ['skip', 'leave them out'],
  ['all', 'run each of them']
] as const;

/** What is done when runs overlap, were missed, or fail again and again. */
export function Policies({ id, model }: Props): JSX.Element {
  const { draft, errors } = model;
  const s = draft.schedule;
  const choose = (
    name: 'overlap' | 'missed',
    title: string,
    choices: readonly (readonly [string, string])[]
  ) => (
    <Field id={`${id}-${name}`} title={title} error={errorAt(errors, name)}>
      {aria => (
        <select
          {...aria}
          className="clg-select"
          data-testid={`collegium-when-${name}`}
          value={s[name]}
          onChange={e => model.setSchedule({ [name]: e.target.value })}
        >
          {choices.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
  const number = (name: 'missedLimit' | 'missedHours' | 'maxFailures', title: string, field: string) => (
    <Field id={`${id}-${name}`} title={title} error={errorAt(errors, field)}>
      {aria => (
        <input
          {...aria}
          className="clg-input clg-input-number"
          type="number"
          min={0}
          step={name === 'missedHours' ? 'any' : 1}
          value={s[name]}
          onChange={e => {
            model.clearError(field);
            model.setSchedule({ [name]: e.target.value });
          }}
        />
      )}
    </Field>
  );
  return (
    <div className="clg-columns">
      {choose('overlap', 'If an earlier run goes on', OVERLAP)}
      {choose('missed', 'If due times were missed', MISSED)}
      {s.missed === 'all' && number('missedLimit', 'At most (the newest)', 'missed_limit')}
      {s.missed !== 'skip' && number('missedHours', 'Not older than (hours)', 'missed_horizon')}
      {number('maxFailures', 'Pause after failures in a row (0: never)', 'max_failures')}
    </div>
  );
}
