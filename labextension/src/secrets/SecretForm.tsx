import * as React from 'react';

import type { SecretOut } from '../api';
import { useAction } from '../accounts/load';
import { Problem } from '../accounts/parts';
import { ApiError, type Client } from '../client';
import { errorAt, serverErrors } from '../errors';
import { Field } from '../widgets/Field';

/** A new secret, or another value for one. The value goes out and never comes back. */
export function SecretForm(props: {
  client: Client;
  group: string;
  secret?: SecretOut;
  onDone: (name: string) => void;
  onCancel: () => void;
}): JSX.Element {
  const { client, group, secret } = props;
  const [name, setName] = React.useState(secret?.name ?? '');
  const [value, setValue] = React.useState('');
  const [description, setDescription] = React.useState(secret?.description ?? '');
  const [shown, show] = React.useState(false);
  const save = useAction();
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    void save
      .run(() =>
        client.setSecret(group, name.trim(), { ...(value ? { value } : {}), description: description.trim() })
      )
      .then(done => done && props.onDone(name.trim()));
  };
  const errors =
    save.problem instanceof ApiError ? serverErrors(save.problem.message, save.problem.details) : {};
  const placed = ['name', 'value', 'description'].some(field => errorAt(errors, field, true));
  return (
    <form className="clg-form clg-card" data-testid="collegium-secret-form" onSubmit={submit}>
      <h3>{secret ? `Secret ${secret.name}` : 'New secret'}</h3>
      {!placed && <Problem of={save.problem} />}
      {!secret && (
        <Field
          id="clg-secret-name"
          title="Name"
          required
          description="Jobs ask for it by this name. Setting a name that is there replaces its value."
          error={errorAt(errors, 'name', true)}
        >
          {aria => (
            <input
              {...aria}
              className="clg-input clg-code"
              required
              maxLength={63}
              autoComplete="off"
              spellCheck={false}
              data-testid="collegium-secret-name"
              value={name}
              onChange={event => setName(event.target.value)}
            />
          )}
        </Field>
      )}
      <Field
        id="clg-secret-value"
        title={secret ? 'Another value' : 'Value'}
        required={!secret}
        description={
          secret
            ? 'Empty keeps the one that is there; nobody can read it here, not even you.'
            : 'Kept sealed. Nobody can read it here again, not even you; jobs get it in their environment.'
        }
        error={errorAt(errors, 'value', true)}
      >
        {aria =>
          shown ? (
            <textarea
              {...aria}
              className="clg-input clg-code"
              rows={4}
              required={!secret}
              autoComplete="off"
              spellCheck={false}
              value={value}
              onChange={event => setValue(event.target.value)}
            />
          ) : (
            <input
              {...aria}
              type="password"
              className="clg-input clg-code"
              required={!secret}
              autoComplete="new-password"
              data-testid="collegium-secret-value"
              value={value}
              onChange={event => setValue(event.target.value)}
            />
          )
        }
      </Field>
      <label className="clg-check">
        <input type="checkbox" checked={shown} onChange={event => show(event.target.checked)} />
        Show what I type; several lines are possible
      </label>
      <Field id="clg-secret-description" title="Description" error={errorAt(errors, 'description', true)}>
        {aria => (
          <input
            {...aria}
            className="clg-input"
            maxLength={500}
            autoComplete="off"
            value={description}
            onChange={event => setDescription(event.target.value)}
          />
        )}
      </Field>
      <div className="clg-actions">
        <button
          type="submit"
          className="clg-button clg-primary"
          data-testid="collegium-secret-save"
          disabled={save.busy}
        >
          {secret ? 'Save' : 'Keep it'}
        </button>
        <button type="button" className="clg-button" onClick={props.onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
