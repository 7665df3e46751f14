import * as React from 'react';

import type { Row } from '../draft';
import { Icon } from '../icon';

/** Name and value pairs that can be added and taken away. */
export function Rows(props: {
  label: string;
  valueHint: string;
  rows: Row[];
  errors?: string[];
  onChange: (rows: Row[]) => void;
}): JSX.Element {
  const { label, rows, errors, onChange } = props;
  const change = (index: number, part: Partial<Row>) =>
    onChange(rows.map((row, i) => (i === index ? { ...row, ...part } : row)));
  return (
    <div className="clg-rows">
      {rows.map((row, index) => (
        <React.Fragment key={index}>
          <div className="clg-row">
            <input
              className="clg-input clg-code"
              aria-label={`Name of ${label} ${index + 1}`}
              placeholder="Name"
              spellCheck={false}
              value={row.name}
              onChange={e => change(index, { name: e.target.value })}
            />
            <input
              className="clg-input clg-code"
              aria-label={`Value of ${label} ${index + 1}`}
              aria-invalid={errors?.[index] ? true : undefined}
              placeholder={props.valueHint}
              spellCheck={false}
              value={row.value}
              onChange={e => change(index, { value: e.target.value })}
            />
            <button
              type="button"
              className="clg-icon-button"
              aria-label={`Remove ${label} ${index + 1}`}
              title="Remove"
              onClick={() => onChange(rows.filter((_, i) => i !== index))}
            >
              <Icon name="close" />
            </button>
          </div>
          {errors?.[index] && <p className="clg-error">{errors[index]}</p>}
        </React.Fragment>
      ))}
      <button
        type="button"
        className="clg-button clg-small"
        onClick={() => onChange([...rows, { name: '', value: '' }])}
      >
        <Icon name="add" />
        Add {label}
      </button>
    </div>
  );
}
