/** Fields that the forms of datasets share: what is told of one, and where its data is. */

import * as React from 'react';

import type { PlatformSecretOut, SecretOut, SourceKind } from '../api';
import type { Row } from '../draft';
import { errorAt, type FieldErrors } from '../errors';
import { Field } from '../widgets/Field';
import { Rows } from '../widgets/Rows';
import { TagsInput } from '../widgets/TagsInput';
import type { DatasetDraft } from './draft';
import { SOURCES } from './sources';

/** Enough for a choice; any other licence can be typed. */
const LICENCES = [
  'CC0-1.0',
  'CC-BY-4.0',
  'CC-BY-SA-4.0',
  'CC-BY-NC-4.0',
  'ODbL-1.0',
  'ODC-By-1.0',
  'PDDL-1.0',
  'Apache-2.0',
  'BSD-3-Clause',
  'MIT'
];

type About = Pick<DatasetDraft, 'title' | 'description' | 'tags' | 'licence'>;

/** Title, description, tags and licence. */
export function AboutFields(props: {
  id: string;
  about: About;
  errors: FieldErrors;
  titleHint?: string;
  suggest?: () => Promise<string[]>;
  onChange: (change: Partial<About>) => void;
}): JSX.Element {
  const { id, about, errors, onChange } = props;
  return (
    <>
      <div className="clg-columns">
        <Field id={`${id}-title`} title="Display name" error={errorAt(errors, 'display_name', true)}>
          {aria => (
            <input
              {...aria}
              className="clg-input"
              maxLength={120}
              autoComplete="off"
              placeholder={props.titleHint}
              data-testid="collegium-dataset-title"
              value={about.title}
              onChange={e => onChange({ title: e.target.value })}
            />
          )}
        </Field>
        <Field id={`${id}-licence`} title="Licence" error={errorAt(errors, 'licence', true)}>
          {aria => (
            <>
              <input
                {...aria}
                className="clg-input"
                maxLength={120}
                autoComplete="off"
                list={`${id}-licences`}
                placeholder="An SPDX id such as CC-BY-4.0, or a text"
                data-testid="collegium-dataset-licence"
                value={about.licence}
                onChange={e => onChange({ licence: e.target.value })}
              />
              <datalist id={`${id}-licences`}>
                {LICENCES.map(licence => (
                  <option key={licence} value={licence} />
                ))}
              </datalist>
            </>
          )}
        </Field>
      </div>
      <TagsInput
        id={`${id}-tags`}
        tags={about.tags}
        error={errorAt(errors, 'tags', true)}
        suggest={props.suggest}
        onChange={tags => onChange({ tags })}
      />
      <Field id={`${id}-description`} title="Description" error={errorAt(errors, 'description', true)}>
        {aria => (
          <textarea
            {...aria}
            className="clg-input"
            rows={3}
            maxLength={2000}
            placeholder="What it is, where it comes from, what it may be used for"
            data-testid="collegium-dataset-description"
            value={about.description}
            onChange={e => onChange({ description: e.target.value })}
          />
        )}
      </Field>
    </>
  );
}

/** Where the data is, as its kind wants it. */
export function SourceFields(props: {
  id: string;
  kind: SourceKind;
  source: Record<string, string>;
  variables: Row[];
  errors: FieldErrors;
  secrets: (SecretOut | PlatformSecretOut)[] | null;
  onChange: (source: Record<string, string>) => void;
  onVariables: (rows: Row[]) => void;
}): JSX.Element | null {
  const { id, kind, source, errors, onChange } = props;
  if (kind === 'environment') {
    return (
      <fieldset className="clg-parameters">
        <legend>Variables</legend>
        <p className="clg-hint">
          Every member of the groups that have it can read them: passwords and keys belong into secrets.
        </p>
        <Rows
          label="variable"
          valueHint="Value"
          rows={props.variables}
          errors={props.variables.map(row => errors[`source.${row.name.trim()}`] ?? '')}
          onChange={props.onVariables}
        />
        {errors.source && <p className="clg-error">{errors.source}</p>}
      </fieldset>
    );
  }
  const { fields } = SOURCES[kind];
  if (fields.length === 0) {
    return null;
  }
  return (
    <fieldset className="clg-parameters clg-worded clg-source">
      <legend>Source</legend>
      <div className="clg-columns">
        {fields.map(field => (
          <Field
            key={field.name}
            id={`${id}-${field.name}`}
            title={field.title}
            required={field.needed}
            description={field.hint}
            error={errorAt(errors, `source.${field.name}`)}
          >
            {aria => {
              const common = {
                ...aria,
                'data-testid': `collegium-source-${field.name}`,
                value: source[field.name] ?? '',
                onChange: (e: React.ChangeEvent<HTMLInputElement | HTMLSelectElement>) =>
                  onChange({ ...source, [field.name]: e.target.value })
              };
              if (field.secret || field.choices) {
                const names =
                  field.choices ??
                  (props.secrets ?? []).filter(s => s.kind === field.secret).map(s => s.name);
                // What was chosen stays a choice, though it may be gone or not known yet.
                const all = common.value && !names.includes(common.value) ? [common.value, ...names] : names;
                return (
                  <select {...common} className="clg-select">
                    <option value="">{field.secret ? 'none' : 'default'}</option>
                    {all.map(name => (
                      <option key={name} value={name}>
                        {name}
                      </option>
                    ))}
                  </select>
                );
              }
              return (
                <input
                  {...common}
                  className="clg-input clg-code"
                  required={field.needed}
                  autoComplete="off"
                  spellCheck={false}
                  placeholder={field.example}
                />
              );
            }}
          </Field>
        ))}
      </div>
      {errors.source && <p className="clg-error">{errors.source}</p>}
    </fieldset>
  );
}

/** The kinds that may be chosen, each with what it means. */
export function KindChoices(props: {
  id: string;
  kinds: readonly SourceKind[];
  value: SourceKind;
  onChange: (kind: SourceKind) => void;
}): JSX.Element {
  return (
    <fieldset>
      <legend>Where is the data?</legend>
      <div className="clg-kind-choices">
        {props.kinds.map(kind => (
          <label key={kind} className="clg-choice">
            <input
              type="radio"
              name={`${props.id}-kind`}
              checked={props.value === kind}
              data-testid={`collegium-dataset-kind-${kind}`}
              onChange={() => props.onChange(kind)}
            />
            <span>
              <strong>{SOURCES[kind].title}</strong>
              <span className="clg-hint clg-choice-hint">{SOURCES[kind].text}</span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** The name, which is for ever. */
export function NameField(props: {
  id: string;
  value: string;
  error: string;
  onChange: (name: string) => void;
}): JSX.Element {
  return (
    <Field
      id={`${props.id}-name`}
      title="Name"
      required
      description="Part of every path, and never changed: lower case letters, digits, “.”, “_” and “-”."
      error={props.error}
    >
      {aria => (
        <input
          {...aria}
          className="clg-input clg-code"
          required
          maxLength={63}
          autoComplete="off"
          spellCheck={false}
          data-testid="collegium-dataset-name"
          value={props.value}
          onChange={e => props.onChange(e.target.value)}
        />
      )}
    </Field>
  );
}
