import * as React from 'react';

import { useAction } from '../accounts/load';
import { Problem } from '../accounts/parts';
import type { GroupRef, PlatformSecretOut } from '../api';
import { ApiError, type Client } from '../client';
import { errorAt, serverErrors, type FieldErrors } from '../errors';
import { emptySecret, secretBody, secretErrors, untouched } from '../secrets/kinds';
import { SecretFields } from '../secrets/SecretFields';
import { Field } from '../widgets/Field';
import { showInvalid, useEntered } from '../widgets/focus';

type Groups = PlatformSecretOut['groups'];
const PLACES = ['name', 'kind', 'value', 'fields', 'description', 'groups'];

/** A new secret of the platform, another value for one, or other groups. */
export function PlatformSecretForm(props: {
  client: Client;
  groups: GroupRef[];
  secret?: PlatformSecretOut;
  onDone: (name: string) => void;
  onCancel: () => void;
}): JSX.Element {
  const { client, secret } = props;
  const [name, setName] = React.useState(secret?.name ?? '');
  const [draft, setDraft] = React.useState(() => emptySecret(secret?.kind ?? 's3'));
  const [description, setDescription] = React.useState(secret?.description ?? '');
  const [groups, setGroups] = React.useState<Groups>(secret?.groups ?? []);
  const [own, setOwn] = React.useState<FieldErrors>({});
  const save = useAction();
  const form = React.useRef<HTMLFormElement>(null);
  const heading = React.useRef<HTMLHeadingElement>(null);
  useEntered(heading);
  const told =
    save.problem instanceof ApiError ? serverErrors(save.problem.message, save.problem.details) : {};
  const errors = { ...told, ...own };
  const placed = PLACES.some(field => errorAt(errors, field, true));
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const missing = secret && untouched(draft) ? {} : secretErrors(draft);
    setOwn(missing);
    if (Object.keys(missing).length > 0) {
      showInvalid(form);
      return;
    }
    const done = await save.run(() =>
      client.setPlatformSecret(name.trim(), {
        ...secretBody(draft),
        ...(secret ? {} : { kind: draft.kind }),
        description: description.trim(),
        groups
      })
    );
    if (done) {
      props.onDone(name.trim());
    } else {
      showInvalid(form);
    }
  };
  return (
    <form
      ref={form}
      className="clg-form clg-card"
      data-testid="collegium-platform-secret-form"
      noValidate
      onSubmit={event => void submit(event)}
    >
      <h3 ref={heading} tabIndex={-1}>
        {secret ? `Secret ${secret.name}` : 'New secret'}
      </h3>
      {!placed && <Problem of={save.problem} />}
      {!secret && (
        <Field id="clg-platform-secret-name" title="Name" required error={errorAt(errors, 'name', true)}>
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
              onChange={e => setName(e.target.value)}
            />
          )}
        </Field>
      )}
      <SecretFields
        id="clg-platform-secret"
        draft={draft}
        kept={!!secret}
        errors={errors}
        onChange={changed => {
          setOwn({});
          setDraft(changed);
        }}
      />
      <GroupChoice
        groups={props.groups}
        value={groups}
        error={errorAt(errors, 'groups', true)}
        onChange={setGroups}
      />
      <Field
        id="clg-platform-secret-description"
        title="Description"
        error={errorAt(errors, 'description', true)}
      >
        {aria => (
          <input
            {...aria}
            className="clg-input"
            maxLength={500}
            autoComplete="off"
            value={description}
            onChange={e => setDescription(e.target.value)}
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

function GroupChoice(props: {
  groups: GroupRef[];
  value: Groups;
  error: string;
  onChange: (value: Groups) => void;
}): JSX.Element {
  const { value, onChange } = props;
  const some = value === '*' ? [] : value;
  const toggle = (name: string) =>
    onChange(some.includes(name) ? some.filter(g => g !== name) : [...some, name]);
  return (
    <fieldset className="clg-parameters clg-worded">
      <legend>Groups that may use it</legend>
      <label className="clg-check">
        <input
          type="checkbox"
          checked={value === '*'}
          data-testid="collegium-secret-everyone"
          onChange={e => onChange(e.target.checked ? '*' : [])}
        />
        every group
      </label>
      {value !== '*' && (
        <div className="clg-causes">
          {props.groups.map(({ name, display_name }) => (
            <label key={name} className="clg-check">
              <input
                type="checkbox"
                checked={some.includes(name)}
                data-testid={`collegium-secret-group-${name}`}
                onChange={() => toggle(name)}
              />
              {display_name || name}
            </label>
          ))}
        </div>
      )}
      {props.error && <p className="clg-error">{props.error}</p>}
    </fieldset>
  );
}
