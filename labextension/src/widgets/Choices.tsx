import * as React from 'react';

import type { CatalogOut, InstanceTypeOut } from '../api';
import { quantity } from '../format';

interface Choice {
  name: string;
  title: string;
  lines: React.ReactNode[];
  disabled: boolean;
}

/** Radio buttons with what one must know to choose. */
function Choices(props: {
  legend: string;
  kind: 'instance-type' | 'image';
  group: string;
  choices: Choice[];
  value: string;
  error: string;
  empty: string;
  onChange: (name: string) => void;
}): JSX.Element {
  const error = `clg-${props.group}-error`;
  return (
    <fieldset className="clg-choices" aria-describedby={props.error ? error : undefined}>
      <legend>
        {props.legend}
        <span className="clg-required"> *</span>
      </legend>
      {props.choices.length === 0 && <p className="clg-hint">{props.empty}</p>}
      <div className="clg-choice-list">
        {props.choices.map(choice => (
          <label key={choice.name} className={`clg-choice${choice.disabled ? ' clg-choice-off' : ''}`}>
            <input
              type="radio"
              name={props.group}
              value={choice.name}
              data-testid={`collegium-${props.kind}-${choice.name}`}
              checked={choice.name === props.value}
              disabled={choice.disabled}
              onChange={() => props.onChange(choice.name)}
            />
            <span className="clg-choice-text">
              <strong>{choice.title}</strong>
              {choice.lines}
            </span>
          </label>
        ))}
      </div>
      {props.error && (
        <p id={error} className="clg-error">
          {props.error}
        </p>
      )}
    </fieldset>
  );
}

function left(type: InstanceTypeOut): string {
  const parts = Object.entries(type.left).map(([resource, text]) => quantity(resource, text));
  return parts.length > 0 ? `left for you: ${parts.join(', ')}` : '';
}

function typeChoice(type: InstanceTypeOut): Choice {
  const never = type.fits === 'never';
  return {
    name: type.name,
    title: type.display_name || type.name,
    disabled: never,
    lines: [
      <span key="summary">{type.summary}</span>,
      type.description && type.description !== type.summary && (
        <span key="text" className="clg-hint">
          {type.description}
        </span>
      ),
      never && (
        <span key="fits" className="clg-choice-never">
          not available: {type.reason}
        </span>
      ),
      type.fits === 'wait' && (
        <span key="fits" className="clg-choice-wait">
          will wait: {type.reason}
        </span>
      ),
      !never && left(type) && (
        <span key="left" className="clg-hint">
          {left(type)}
        </span>
      )
    ]
  };
}

interface Props {
  id: string;
  catalog: CatalogOut | null;
  value: string;
  error: string;
  title: string;
  onChange: (name: string) => void;
}

export function InstanceTypeChoices(props: Props): JSX.Element {
  return (
    <Choices
      legend={props.title}
      kind="instance-type"
      group={`${props.id}-instance-type`}
      choices={(props.catalog?.instance_types ?? []).map(typeChoice)}
      value={props.value}
      error={props.error}
      empty={props.catalog ? 'Your group was given no instance type.' : 'Loading …'}
      onChange={props.onChange}
    />
  );
}

export function ImageChoices(props: Props): JSX.Element {
  return (
    <Choices
      legend={props.title}
      kind="image"
      group={`${props.id}-image`}
      choices={(props.catalog?.images ?? []).map(image => ({
        name: image.name,
        title: image.display_name || image.name,
        disabled: false,
        lines: [
          image.description && (
            <span key="text" className="clg-hint">
              {image.description}
            </span>
          )
        ]
      }))}
      value={props.value}
      error={props.error}
      empty={props.catalog ? 'Your group was given no image.' : 'Loading …'}
      onChange={props.onChange}
    />
  );
}
