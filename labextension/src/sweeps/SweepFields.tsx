import * as React from 'react';

import { errorAt } from '../errors';
import { Field } from '../widgets/Field';
import { withKind, type SweepDraft, type SweepKind } from './axis';
import { Axes, type FieldsProps } from './AxisFields';

const KINDS: Record<SweepKind, [string, string]> = {
  grid: ['every combination', 'A grid: each value of one parameter with each value of the others.'],
  random: ['random points', 'Each point draws a value for every parameter.'],
  list: ['points that I list', 'Exactly these.'],
  array: ['the same again', 'The same job so many times; each finds its number in SWEEP_INDEX.']
};

/** Which parameters vary, how, and what is best. */
export function SweepFields({ id, draft, errors, names, onChange }: FieldsProps): JSX.Element {
  const set = (change: Partial<SweepDraft>) => onChange({ ...draft, ...change });
  return (
    <>
      <fieldset className="clg-inline">
        <legend>Points</legend>
        {(Object.keys(KINDS) as SweepKind[]).map(kind => (
          <label key={kind}>
            <input
              type="radio"
              name={`${id}-kind`}
              checked={draft.kind === kind}
              data-testid={`collegium-sweep-${kind}`}
              onChange={() => onChange(withKind(draft, kind))}
            />
            {KINDS[kind][0]}
          </label>
        ))}
        <p className="clg-hint">{KINDS[draft.kind][1]}</p>
      </fieldset>
      {(draft.kind === 'grid' || draft.kind === 'random') && (
        <Axes id={id} draft={draft} errors={errors} names={names} onChange={onChange} />
      )}
      {draft.kind === 'list' && (
        <Field
          id={`${id}-list`}
          title="A point a line"
          required
          description="Such as: lr=0.1, layers=2 – or a JSON object."
          error={errorAt(errors, 'list', true)}
        >
          {aria => (
            <textarea
              {...aria}
              className="clg-input clg-code"
              rows={5}
              spellCheck={false}
              data-testid="collegium-sweep-points"
              value={draft.list}
              onChange={e => set({ list: e.target.value })}
            />
          )}
        </Field>
      )}
      <div className="clg-columns">
        {draft.kind === 'array' && (
          <Count
            id={`${id}-array`}
            title="How many"
            value={draft.count}
            error={errorAt(errors, 'array')}
            set={set}
          />
        )}
        {draft.kind === 'random' && (
          <>
            <Count
              id={`${id}-count`}
              title="How many points"
              value={draft.count}
              error={errorAt(errors, 'random.count')}
              set={set}
            />
            <Field
              id={`${id}-seed`}
              title="Seed"
              description="The same seed draws the same points; empty: 0."
              error={errorAt(errors, 'random.seed')}
            >
              {aria => (
                <input
                  {...aria}
                  type="number"
                  step={1}
                  className="clg-input clg-input-number"
                  value={draft.seed}
                  onChange={e => set({ seed: e.target.value })}
                />
              )}
            </Field>
          </>
        )}
        <Field
          id={`${id}-concurrency`}
          title="At once"
          description="How many of its jobs may be in the queue or run at a time; 0: the quota decides."
          error={errorAt(errors, 'concurrency')}
        >
          {aria => (
            <input
              {...aria}
              type="number"
              min={0}
              step={1}
              className="clg-input clg-input-number"
              data-testid="collegium-sweep-concurrency"
              value={draft.concurrency}
              onChange={e => set({ concurrency: e.target.value })}
            />
          )}
        </Field>
        <Field
          id={`${id}-metric`}
          title="Best by"
          description="A figure that the jobs write into metrics.jsonl, such as loss; empty: none is best."
          error={errorAt(errors, 'objective', true)}
        >
          {aria => (
            <span className="clg-sweep-objective">
              <select
                className="clg-select"
                aria-label="Which end is best"
                data-testid="collegium-sweep-goal"
                value={draft.goal}
                onChange={e => set({ goal: e.target.value as SweepDraft['goal'] })}
              >
                <option value="minimize">lowest</option>
                <option value="maximize">highest</option>
              </select>
              <input
                {...aria}
                className="clg-input"
                autoComplete="off"
                spellCheck={false}
                maxLength={120}
                data-testid="collegium-sweep-metric"
                value={draft.metric}
                onChange={e => set({ metric: e.target.value })}
              />
            </span>
          )}
        </Field>
      </div>
    </>
  );
}

function Count(props: {
  id: string;
  title: string;
  value: string;
  error: string;
  set: (change: Partial<SweepDraft>) => void;
}): JSX.Element {
  return (
    <Field id={props.id} title={props.title} required error={props.error}>
      {aria => (
        <input
          {...aria}
          type="number"
          min={1}
          step={1}
          className="clg-input clg-input-number"
          data-testid="collegium-sweep-count"
          value={props.value}
          onChange={e => props.set({ count: e.target.value })}
        />
      )}
    </Field>
  );
}
