import * as React from 'react';

import type { FieldSpec } from '../schema';

/** Label, control, help and error, tied together for screen readers. */
export function Field(props: {
  id: string;
  title: string;
  required?: boolean;
  description?: React.ReactNode;
  error?: string;
  children: (aria: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: boolean }) => React.ReactNode;
}): JSX.Element {
  const { id, description, error } = props;
  const described = [description ? `${id}-help` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <div className={`clg-field${error ? ' clg-field-wrong' : ''}`}>
      <label htmlFor={id}>
        {props.title}
        {props.required && (
          <span className="clg-required" title="needed">
            {' '}
            *
          </span>
        )}
      </label>
      {props.children({
        id,
        'aria-describedby': described || undefined,
        'aria-invalid': error ? true : undefined
      })}
      {description && (
        <p id={`${id}-help`} className="clg-hint">
          {description}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="clg-error">
          {error}
        </p>
      )}
    </div>
  );
}

/** A plain field of the schema; its type decides the control, its limits go to the browser too. */
export function SchemaField(props: {
  spec: FieldSpec;
  id: string;
  value: string;
  error: string;
  rows?: number;
  placeholder?: string;
  testid?: string;
  onChange: (text: string) => void;
}): JSX.Element {
  const { spec, value, onChange } = props;
  return (
    <Field
      id={props.id}
      title={spec.title}
      required={spec.required}
      description={spec.description}
      error={props.error}
    >
      {aria => {
        const common = { ...aria, value, 'data-testid': props.testid, placeholder: props.placeholder };
        if (spec.choices || spec.type === 'boolean') {
          const choices = spec.choices ?? ['false', 'true'];
          return (
            <select {...common} className="clg-select" onChange={e => onChange(e.target.value)}>
              {!choices.includes(value) && <option value={value}>{value || 'default'}</option>}
              {choices.map(choice => (
                <option key={choice} value={choice}>
                  {spec.type === 'boolean' ? (choice === 'true' ? 'Yes' : 'No') : choice}
                </option>
              ))}
            </select>
          );
        }
        if (props.rows) {
          return (
            <textarea
              {...common}
              className="clg-input clg-code"
              rows={props.rows}
              spellCheck={false}
              maxLength={spec.maxLength}
              onChange={e => onChange(e.target.value)}
            />
          );
        }
        const numeric = spec.type === 'integer' || spec.type === 'number';
        return (
          <input
            {...common}
            className={numeric ? 'clg-input clg-input-number' : 'clg-input'}
            type={numeric ? 'number' : 'text'}
            min={spec.minimum}
            max={spec.maximum}
            step={spec.type === 'integer' ? 1 : 'any'}
            maxLength={spec.maxLength}
            required={spec.required}
            autoComplete="off"
            onChange={e => onChange(e.target.value)}
          />
        );
      }}
    </Field>
  );
}
