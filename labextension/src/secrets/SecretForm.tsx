import * as React from 'react';

import type { SecretOut } from '../api';
import { useAction } from '../accounts/load';
import { Problem } from '../accounts/parts';
import { ApiError, type Client } from '../client';
import { errorAt, serverErrors, type FieldErrors } from '../errors';
import { Field } from '../widgets/Field';
import { emptySecret, secretBody, secretErrors, untouched } from './kinds';
import { SecretFields } from './SecretFields';

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
  const [draft, setDraft] = React.useState(() => emptySecret(secret?.kind));
  const [own, setOwn] = React.useState<FieldErrors>({});
  const [description, setDescription] = React.useState(secret?.description ?? '');
  const save = useAction();
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    const missing = secret && untouched(draft) ? {} : secretErrors(draft);
    setOwn(missing);
    if (Object.keys(missing).length > 0) {
      return;
    }
    void save
      .run(() =>
        client.setSecret(group, name.trim(), {
          ...secretBody(draft),
          ...(secret ? {} : { kind: draft.kind }),
          description: description.trim()
        })
      )
      .then(done => done && props.onDone(name.trim()));
  };
  const told =
    save.problem instanceof ApiError ? serverErrors(save.problem.message, save.problem.details) : {};
  const errors = { ...told, ...own };
  const placed = ['name', 'kind', 'value', 'fields', 'description'].some(field =>
    errorAt(errors, field, true)
  );
  return (
    <form className="clg-form clg-card" data-testid="collegium-secret-form" onSubmit={submit}>
      <h3>{secret ? `Secret ${secret.name}` : 'New secret'}</h3>
      {!placed && Object.keys(own).length === 0 && <Problem of={save.problem} />}
      {!secret && (
        <Field
          id="clg-secret-name"
          title="Name"
          required
          description="Jobs and datasets ask for it by this name. Setting a name that is there replaces its value."
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
      <SecretFields
        id="clg-secret"
        draft={draft}
        kept={!!secret}
        errors={errors}
        onChange={changed => {
          setOwn({});
          setDraft(changed);
        }}
      />
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
