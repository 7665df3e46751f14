import * as React from 'react';

import { ApiError } from '../client';
import { Field } from '../widgets/Field';

export interface UserValues {
  username: string;
  email: string;
  first_name: string;
  last_name: string;
}

export const EMPTY_USER: UserValues = { username: '', email: '', first_name: '', last_name: '' };
const TITLES: [keyof UserValues, string][] = [
  ['username', 'User name'],
  ['email', 'E-mail'],
  ['first_name', 'First name'],
  ['last_name', 'Last name']
];

/** Name and address of a person; `fixed` fields are shown and cannot be changed. */
export function UserFields(props: {
  values: UserValues;
  problem: unknown;
  fixed?: readonly (keyof UserValues)[];
  onChange: (values: UserValues) => void;
}): JSX.Element {
  const { values, problem, fixed = [] } = props;
  const wrong = fieldOf(problem);
  return (
    <div className="clg-columns">
      {TITLES.map(([name, title]) => (
        <Field
          key={name}
          id={`clg-user-${name}`}
          title={title}
          required={name === 'username'}
          error={wrong === name && problem instanceof Error ? problem.message : ''}
        >
          {aria => (
            <input
              {...aria}
              className="clg-input"
              type={name === 'email' ? 'email' : 'text'}
              autoComplete="off"
              maxLength={255}
              required={name === 'username'}
              disabled={fixed.includes(name)}
              value={values[name]}
              onChange={event => props.onChange({ ...values, [name]: event.target.value })}
            />
          )}
        </Field>
      ))}
    </div>
  );
}

/** The field that a refusal names, if it is one of these. */
export function fieldOf(problem: unknown): string {
  const field = problem instanceof ApiError ? String(problem.details.field ?? '') : '';
  return TITLES.some(([name]) => name === field) ? field : '';
}
