import * as React from 'react';

import type { SecretKind } from '../api';
import { errorAt, type FieldErrors } from '../errors';
import { Field } from '../widgets/Field';
import { KINDS_OF_SECRETS, SECRET_KINDS, type SecretDraft, type SecretField } from './kinds';

/** Kind and value of a secret. What is typed goes out and never comes back. */
export function SecretFields(props: {
  id: string;
  draft: SecretDraft;
  /** It is there: its kind stays, and what is left empty is kept. */
  kept: boolean;
  errors: FieldErrors;
  onChange: (draft: SecretDraft) => void;
}): JSX.Element {
  const { id, draft, kept, errors, onChange } = props;
  const [shown, show] = React.useState(false);
  const { shapes } = SECRET_KINDS[draft.kind];
  const set = (name: string, text: string) =>
    onChange({ ...draft, fields: { ...draft.fields, [name]: text } });
  return (
    <>
      {!kept && (
        <Field
          id={`${id}-kind`}
          title="Kind"
          description={SECRET_KINDS[draft.kind].text}
          error={errorAt(errors, 'kind')}
        >
          {aria => (
            <select
              {...aria}
              className="clg-select"
              data-testid="collegium-secret-kind"
              value={draft.kind}
              onChange={e => onChange({ ...draft, kind: e.target.value as SecretKind, shape: 0 })}
            >
              {KINDS_OF_SECRETS.map(kind => (
                <option key={kind} value={kind}>
                  {SECRET_KINDS[kind].title}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      {shapes.length > 1 && (
        <fieldset className="clg-inline">
          <legend>With</legend>
          {shapes.map((shape, index) => (
            <label key={shape.title}>
              <input
                type="radio"
                name={`${id}-shape`}
                checked={draft.shape === index}
                onChange={() => onChange({ ...draft, shape: index })}
              />
              {shape.title}
            </label>
          ))}
        </fieldset>
      )}
      {shapes.length === 0 ? (
        <One
          id={`${id}-value`}
          field={{ name: 'value', title: kept ? 'Another value' : 'Value', needed: true, lines: shown }}
          value={draft.value}
          kept={kept}
          shown={shown}
          hint={
            kept
              ? 'Empty keeps the one that is there; nobody can read it here, not even you.'
              : 'Kept sealed. Nobody can read it here again, not even you; jobs get it in their environment.'
          }
          error={errorAt(errors, 'value', true)}
          onChange={value => onChange({ ...draft, value })}
        />
      ) : (
        <>
          {kept && (
            <p className="clg-hint">
              Empty keeps what is there; nobody can read it here. What is typed replaces all of it.
            </p>
          )}
          {shapes[draft.shape].fields.map(field => (
            <One
              key={field.name}
              id={`${id}-${field.name}`}
              field={field}
              value={draft.fields[field.name] ?? ''}
              kept={kept}
              shown={shown}
              hint={field.hint}
              error={errorAt(errors, `fields.${field.name}`)}
              onChange={text => set(field.name, text)}
            />
          ))}
          {errors.fields && <p className="clg-error">{errors.fields}</p>}
        </>
      )}
      <label className="clg-check">
        <input type="checkbox" checked={shown} onChange={event => show(event.target.checked)} />
        Show what I type{shapes.length === 0 && '; several lines are possible'}
      </label>
    </>
  );
}

function One(props: {
  id: string;
  field: SecretField;
  value: string;
  kept: boolean;
  shown: boolean;
  hint?: string;
  error: string;
  onChange: (text: string) => void;
}): JSX.Element {
  const { field, onChange } = props;
  const needed = field.needed && !props.kept;
  return (
    <Field id={props.id} title={field.title} required={needed} description={props.hint} error={props.error}>
      {aria => {
        const common = {
          ...aria,
          className: 'clg-input clg-code',
          required: needed,
          spellCheck: false,
          placeholder: field.example,
          'data-testid': `collegium-secret-${field.name}`,
          value: props.value
        };
        return field.lines ? (
          <textarea
            {...common}
            // Covered like a password: a browser has no input of several lines that does so itself.
            className={`clg-input clg-code${field.plain || props.shown ? '' : ' clg-covered'}`}
            rows={4}
            autoComplete="off"
            onChange={e => onChange(e.target.value)}
          />
        ) : (
          <input
            {...common}
            type={field.plain || props.shown ? 'text' : 'password'}
            autoComplete={field.plain ? 'off' : 'new-password'}
            onChange={e => onChange(e.target.value)}
          />
        );
      }}
    </Field>
  );
}
