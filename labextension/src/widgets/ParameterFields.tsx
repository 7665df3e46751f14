import * as React from 'react';

import { valuesField, type Row } from '../draft';
import { errorAt } from '../errors';
import { typeWords, type Parameter } from '../parameters';
import { Field } from './Field';
import type { FormModel } from './FormModel';
import { Rows } from './Rows';

/** A field for each parameter that is declared, and rows for more. */
export function ParameterFields({ id, model }: { id: string; model: FormModel }): JSX.Element {
  const { draft, errors } = model;
  const place = valuesField(draft);
  const at = (name: string) =>
    errorAt(errors, `${place}.${name}`, true) || errorAt(errors, `values.${name}`, true);
  const rowErrors = draft.added.map((row, i) => errors[`added.${i}`] ?? at(row.name));
  const note =
    draft.parameterNote ||
    (draft.kind === 'command' ? 'The command finds each in its environment, as PARAM_ and its name.' : '');
  return (
    <fieldset className="clg-parameters">
      <legend>Parameters</legend>
      {note && <p className="clg-hint">{note}</p>}
      {draft.parameters.map(parameter => (
        <ParameterField
          key={parameter.name}
          id={`${id}-param-${parameter.name}`}
          parameter={parameter}
          text={draft.parameterTexts[parameter.name] ?? ''}
          error={at(parameter.name)}
          onChange={text => model.setParameter(parameter.name, text)}
        />
      ))}
      <Rows
        label="parameter"
        valueHint='Value as JSON: 5, "text", [1, 2]'
        rows={draft.added}
        errors={rowErrors}
        onChange={(added: Row[]) => model.set({ added })}
      />
      {errors[place] && <p className="clg-error">{errors[place]}</p>}
    </fieldset>
  );
}

function ParameterField(props: {
  id: string;
  parameter: Parameter;
  text: string;
  error: string;
  onChange: (text: string) => void;
}): JSX.Element {
  const { parameter, text, onChange } = props;
  const { type } = parameter;
  const testid = `collegium-param-${parameter.name}`;
  const help = [parameter.description, typeWords(parameter)].filter(Boolean).join(' – ');
  return (
    <Field
      id={props.id}
      title={parameter.name}
      required={parameter.required}
      description={help}
      error={props.error}
    >
      {aria => {
        const common = { ...aria, 'data-testid': testid, 'data-kind': type };
        if (type === 'boolean' && text !== '' && !parameter.nullable) {
          return (
            <input
              {...common}
              type="checkbox"
              checked={text === 'true'}
              onChange={e => onChange(String(e.target.checked))}
            />
          );
        }
        if (type === 'choice' || type === 'boolean') {
          return <Choose common={common} parameter={parameter} text={text} onChange={onChange} />;
        }
        if (type === 'integer' || type === 'number') {
          return (
            <input
              {...common}
              className="clg-input clg-input-number"
              type="number"
              step={type === 'integer' ? 1 : 'any'}
              min={parameter.minimum ?? undefined}
              max={parameter.maximum ?? undefined}
              value={text}
              onChange={e => onChange(e.target.value)}
            />
          );
        }
        const code = type !== 'text';
        return text.includes('\n') ? (
          <textarea
            {...common}
            className="clg-input"
            rows={3}
            value={text}
            onChange={e => onChange(e.target.value)}
          />
        ) : (
          <input
            {...common}
            className={code ? 'clg-input clg-code' : 'clg-input'}
            type="text"
            autoComplete="off"
            spellCheck={!code}
            value={text}
            onChange={e => onChange(e.target.value)}
          />
        );
      }}
    </Field>
  );
}

/** One of what is allowed. */
function Choose(props: {
  common: object;
  parameter: Parameter;
  text: string;
  onChange: (text: string) => void;
}): JSX.Element {
  const { parameter, text, onChange } = props;
  const choices =
    parameter.type === 'boolean'
      ? ['true', 'false']
      : (parameter.choices ?? []).map(choice => JSON.stringify(choice));
  const word = (choice: string) => choice.replace(/^"(.*)"$/, '$1');
  return (
    <select {...props.common} className="clg-select" value={text} onChange={e => onChange(e.target.value)}>
      {!choices.includes(text) && <option value={text}>{text ? word(text) : 'not set'}</option>}
      {text !== '' && parameter.nullable && <option value="">not set</option>}
      {choices.map(choice => (
        <option key={choice} value={choice}>
          {word(choice)}
        </option>
      ))}
    </select>
  );
}
