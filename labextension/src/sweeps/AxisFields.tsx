import * as React from 'react';

import type { FieldErrors } from '../errors';
import { Icon } from '../icon';
import { axisError, axisKinds, emptyAxis, type AxisDraft, type AxisKind, type SweepDraft } from './axis';

const AXIS_KINDS: Record<AxisKind, string> = {
  values: 'one of these values',
  steps: 'a range, by step',
  spread: 'a range, by number',
  between: 'drawn from a range'
};

export interface FieldsProps {
  id: string;
  draft: SweepDraft;
  errors: FieldErrors;
  /** Parameters that the job is known to have. */
  names: readonly string[];
  onChange: (draft: SweepDraft) => void;
}

/** A row for each parameter that varies. */
export function Axes({ id, draft, errors, names, onChange }: FieldsProps): JSX.Element {
  const set = (axes: AxisDraft[]) => onChange({ ...draft, axes });
  const change = (index: number, part: Partial<AxisDraft>) =>
    set(draft.axes.map((axis, i) => (i === index ? { ...axis, ...part } : axis)));
  return (
    <div className="clg-axes">
      <datalist id={`${id}-names`}>
        {names.map(name => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {draft.axes.map((axis, index) => {
        const wrong = axisError(errors, index, axis.name.trim());
        return (
          <div key={index} role="group" aria-label={`Parameter ${index + 1}`} className="clg-axis">
            <div className="clg-axis-row">
              <input
                className="clg-input clg-code"
                aria-label={`Name of parameter ${index + 1}`}
                aria-invalid={wrong ? true : undefined}
                aria-describedby={wrong ? `${id}-axis-${index}` : undefined}
                placeholder="Parameter"
                list={`${id}-names`}
                spellCheck={false}
                autoComplete="off"
                data-testid={`collegium-axis-name-${index}`}
                value={axis.name}
                onChange={e => change(index, { name: e.target.value })}
              />
              <select
                className="clg-select"
                aria-label={`How parameter ${index + 1} varies`}
                data-testid={`collegium-axis-kind-${index}`}
                value={axis.kind}
                onChange={e => change(index, { kind: e.target.value as AxisKind })}
              >
                {axisKinds(draft.kind).map(kind => (
                  <option key={kind} value={kind}>
                    {AXIS_KINDS[kind]}
                  </option>
                ))}
              </select>
              <AxisInputs index={index} axis={axis} change={part => change(index, part)} />
              <button
                type="button"
                className="clg-icon-button"
                aria-label={`Remove parameter ${index + 1}`}
                title="Remove"
                onClick={() => set(draft.axes.filter((_, i) => i !== index))}
              >
                <Icon name="close" />
              </button>
            </div>
            {wrong && (
              <p id={`${id}-axis-${index}`} className="clg-error">
                {wrong}
              </p>
            )}
          </div>
        );
      })}
      <button
        type="button"
        className="clg-button clg-small"
        data-testid="collegium-axis-add"
        onClick={() => set([...draft.axes, emptyAxis()])}
      >
        <Icon name="add" />
        Vary another parameter
      </button>
      {errors[draft.kind] && <p className="clg-error">{errors[draft.kind]}</p>}
    </div>
  );
}

function AxisInputs(props: {
  index: number;
  axis: AxisDraft;
  change: (part: Partial<AxisDraft>) => void;
}): JSX.Element {
  const { axis, change, index } = props;
  if (axis.kind === 'values') {
    return (
      <input
        className="clg-input clg-code clg-axis-values"
        aria-label={`Values of parameter ${index + 1}`}
        placeholder="0.1, 0.01, relu"
        spellCheck={false}
        autoComplete="off"
        data-testid={`collegium-axis-values-${index}`}
        value={axis.values}
        onChange={e => change({ values: e.target.value })}
      />
    );
  }
  const input = (key: 'from' | 'to' | 'step' | 'count', word: string) => (
    <label className="clg-axis-part">
      <span>{word}</span>
      <input
        className="clg-input clg-code"
        inputMode="decimal"
        aria-label={`${word} of parameter ${index + 1}`}
        autoComplete="off"
        data-testid={`collegium-axis-${key}-${index}`}
        value={axis[key]}
        onChange={e => change({ [key]: e.target.value })}
      />
    </label>
  );
  const tick = (key: 'log' | 'whole', word: string) => (
    <label className="clg-axis-part">
      <input type="checkbox" checked={axis[key]} onChange={e => change({ [key]: e.target.checked })} />
      <span>{word}</span>
    </label>
  );
  return (
    <span className="clg-axis-parts">
      {input('from', 'from')}
      {input('to', 'to')}
      {axis.kind === 'steps' && input('step', 'step')}
      {axis.kind === 'spread' && input('count', 'values')}
      {axis.kind !== 'steps' && tick('log', 'logarithmic')}
      {axis.kind === 'between' && tick('whole', 'whole numbers')}
    </span>
  );
}
