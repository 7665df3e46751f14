import * as React from 'react';

import type { RegisteredOut } from '../api';
import { useAction } from '../accounts/load';
import { Problem } from '../accounts/parts';
import { ApiError, type Client } from '../client';
import { Field } from '../widgets/Field';
import { dropToken } from './invitation';

const FIELDS = [
  { name: 'username', title: 'User name', kind: 'text', complete: 'username', needed: true },
  { name: 'email', title: 'E-mail', kind: 'email', complete: 'email', needed: true },
  { name: 'first_name', title: 'First name', kind: 'text', complete: 'given-name', needed: false },
  { name: 'last_name', title: 'Last name', kind: 'text', complete: 'family-name', needed: false }
] as const;
type Name = (typeof FIELDS)[number]['name'];

/** For who has no account yet. There is no password here: it is chosen behind the link in the mail. */
export function RegisterForm(props: { client: Client; token: string; onBack: () => void }): JSX.Element {
  const [values, setValues] = React.useState<Record<Name, string>>({
    username: '',
    email: '',
    first_name: '',
    last_name: ''
  });
  const [made, setMade] = React.useState<RegisteredOut | null>(null);
  const register = useAction();
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    void register.run(async () => {
      const made = await props.client.register({ token: props.token, ...trimmed(values) });
      setMade(made);
      if (made.mail_sent) {
        dropToken();
      }
    });
  };
  if (made?.mail_sent) {
    return (
      <div role="status" data-testid="collegium-registered">
        <h2>Look into your mail</h2>
        <p>{made.message}</p>
      </div>
    );
  }
  const wrong = register.problem instanceof ApiError ? String(register.problem.details.field ?? '') : '';
  return (
    <form className="clg-form" data-testid="collegium-register" onSubmit={submit}>
      {FIELDS.map(field => (
        <Field
          key={field.name}
          id={`clg-reg-${field.name}`}
          title={field.title}
          required={field.needed}
          error={wrong === field.name && register.problem instanceof Error ? register.problem.message : ''}
        >
          {aria => (
            <input
              {...aria}
              className="clg-input"
              type={field.kind}
              autoComplete={field.complete}
              required={field.needed}
              maxLength={255}
              value={values[field.name]}
              onChange={event => setValues({ ...values, [field.name]: event.target.value })}
            />
          )}
        </Field>
      ))}
      {made && (
        <p className="clg-notice" role="alert">
          {made.message}
        </p>
      )}
      {!FIELDS.some(field => field.name === wrong) && <Problem of={register.problem} />}
      <div className="clg-actions">
        <button type="submit" className="clg-button clg-primary" disabled={register.busy}>
          Create my account
        </button>
        <button type="button" className="clg-button" onClick={props.onBack}>
          Back
        </button>
      </div>
    </form>
  );
}

function trimmed(values: Record<Name, string>): Record<Name, string> {
  return Object.fromEntries(FIELDS.map(({ name }) => [name, values[name].trim()])) as Record<Name, string>;
}
