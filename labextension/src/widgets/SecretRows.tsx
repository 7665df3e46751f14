import * as React from 'react';

import type { Row } from '../draft';
import { errorAt } from '../errors';
import { Icon } from '../icon';
import type { FormModel } from './FormModel';

/** Secrets of the group as environment variables: chosen by name, their values are never here. */
export function SecretRows({ model }: { model: FormModel }): JSX.Element | null {
  const { draft, errors, secrets } = model;
  if (!secrets && draft.secrets.length === 0) {
    return null;
  }
  const rows = draft.secrets;
  const set = (next: Row[]) => {
    model.errors = Object.fromEntries(
      Object.entries(model.errors).filter(([key]) => !key.startsWith('secrets'))
    );
    model.set({ secrets: next });
  };
  const change = (index: number, part: Partial<Row>) =>
    set(rows.map((row, i) => (i === index ? { ...row, ...part } : row)));
  return (
    <fieldset className="clg-parameters" data-testid="collegium-secrets">
      <legend>Secrets in the environment</legend>
      {secrets?.length === 0 && rows.length === 0 && (
        <p className="clg-hint">The group has no secrets yet; they are kept on the page “Secrets”.</p>
      )}
      <div className="clg-rows">
        {rows.map((row, index) => (
          <React.Fragment key={index}>
            <div className="clg-row">
              <input
                className="clg-input clg-code"
                aria-label={`Name of secret variable ${index + 1}`}
                placeholder="Name in the environment"
                spellCheck={false}
                value={row.name}
                onChange={e => change(index, { name: e.target.value })}
              />
              <select
                className="clg-select"
                aria-label={`Secret ${index + 1}`}
                value={row.value}
                onChange={e => change(index, { value: e.target.value })}
              >
                {!secrets?.some(s => s.name === row.value) && (
                  <option value={row.value}>{row.value || 'choose'}</option>
                )}
                {secrets?.map(s => (
                  <option key={s.name} value={s.name} title={s.description}>
                    {s.name}
                  </option>
                ))}
              </select>
              <button
                type="button"
                className="clg-icon-button"
                aria-label={`Remove secret variable ${index + 1}`}
                onClick={() => set(rows.filter((_, i) => i !== index))}
              >
                <Icon name="close" />
              </button>
            </div>
            {errors[`secrets.${row.name}`] && <p className="clg-error">{errors[`secrets.${row.name}`]}</p>}
          </React.Fragment>
        ))}
      </div>
      {secrets && secrets.length > 0 && (
        <button
          type="button"
          className="clg-button clg-small"
          onClick={() => set([...rows, { name: '', value: '' }])}
        >
          <Icon name="add" />
          Add secret
        </button>
      )}
      {errorAt(errors, 'secrets') && <p className="clg-error">{errorAt(errors, 'secrets')}</p>}
    </fieldset>
  );
}
