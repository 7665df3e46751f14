import * as React from 'react';

import type { Row } from '../draft';
import { errorAt } from '../draft';
import type { Parameter } from '../parameters';
import { Field } from './Field';
import type { FormModel } from './FormModel';
import { Rows } from './Rows';

/** A field for each parameter of the notebook, and rows for more. */
export function ParameterFields({ id, model }: { id: string; model: FormModel }): JSX.Element {
  const { draft, errors } = model;
  const rowErrors = draft.added.map(
    (row, i) => errors[`added.${i}`] ?? errors[`notebook.parameters.${row.name}`] ?? ''
  );
  return (
    <fieldset className="clg-parameters">
      <legend>Parameters</legend>
      {draft.parameterNote && <p className="clg-hint">{draft.parameterNote}</p>}
      {draft.parameters.map(parameter => (
        <ParameterField
          key={parameter.name}
          id={`${id}-param-${parameter.name}`}
          parameter={parameter}
          text={draft.parameterTexts[parameter.name] ?? ''}
          error={errorAt(errors, `notebook.parameters.${parameter.name}`, true)}
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
      {errors['notebook.parameters'] && <p className="clg-error">{errors['notebook.parameters']}</p>}
    </fieldset>
  );
}

function help(parameter: Parameter): React.ReactNode {
  if (parameter.kind === 'raw') {
    return (
      <>
        {parameter.description && `${parameter.description}. `}
        In the notebook: <code>{parameter.source}</code>. Leave empty to keep that, or give a value as JSON.
      </>
    );
  }
  return parameter.kind === 'json'
    ? [parameter.description, 'JSON'].filter(Boolean).join(' – ')
    : parameter.description;
}

function ParameterField(props: {
  id: string;
  parameter: Parameter;
  text: string;
  error: string;
  onChange: (text: string) => void;
}): JSX.Element {
  const { parameter, text, onChange } = props;
  const testid = `collegium-param-${parameter.name}`;
  return (
    <Field id={props.id} title={parameter.name} description={help(parameter)} error={props.error}>
      {aria => {
        const common = { ...aria, 'data-testid': testid, 'data-kind': parameter.kind };
        switch (parameter.kind) {
          case 'boolean':
            return (
              <input
                {...common}
                type="checkbox"
                checked={text === 'true'}
                onChange={e => onChange(String(e.target.checked))}
              />
            );
          case 'int':
          case 'float':
            return (
              <input
                {...common}
                className="clg-input clg-input-number"
                type="number"
                step="any"
                value={text}
                onChange={e => onChange(e.target.value)}
              />
            );
          case 'string':
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
                className="clg-input"
                type="text"
                autoComplete="off"
                value={text}
                onChange={e => onChange(e.target.value)}
              />
            );
          default:
            return (
              <input
                {...common}
                className="clg-input clg-code"
                type="text"
                autoComplete="off"
                spellCheck={false}
                placeholder={parameter.kind === 'raw' ? parameter.source : ''}
                value={text}
                onChange={e => onChange(e.target.value)}
              />
            );
        }
      }}
    </Field>
  );
}
