import * as React from 'react';

import { errorAt } from '../errors';
import { Field } from '../widgets/Field';
import type { FormModel } from '../widgets/FormModel';
import { Bounds, Policies } from './LimitFields';
import { Preview } from './Preview';
import { cronOf, RHYTHMS, WEEKDAYS, zones, type Rhythm, type ScheduleDraft, type Unit } from './rhythm';

interface Props {
  id: string;
  model: FormModel;
}

/** When a schedule runs: rhythm, zone, limits, what to do when things clash, and the next due times. */
export function WhenFields({ id, model }: Props): JSX.Element {
  const { schedule } = model.draft;
  return (
    <fieldset className="clg-parameters clg-worded clg-when-fields" data-testid="collegium-when">
      <legend>When</legend>
      <div className="clg-columns">
        <div className="clg-stack">
          <Field id={`${id}-rhythm`} title="Runs">
            {aria => (
              <select
                {...aria}
                className="clg-select"
                data-testid="collegium-rhythm"
                value={schedule.rhythm}
                onChange={e => chooseRhythm(model, e.target.value as Rhythm)}
              >
                {RHYTHMS.map(([value, title]) => (
                  <option key={value} value={value}>
                    {title}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <RhythmFields id={id} model={model} />
          <Zone id={id} model={model} />
        </div>
        <Preview model={model} />
      </div>
      {schedule.rhythm !== 'once' && <Bounds id={id} model={model} />}
      <Policies id={id} model={model} />
    </fieldset>
  );
}

/** From a preset to the expression one goes on with what the preset stood for. */
function chooseRhythm(model: FormModel, rhythm: Rhythm): void {
  const { schedule } = model.draft;
  const preset = !['cron', 'interval', 'once'].includes(schedule.rhythm);
  model.setSchedule({
    rhythm,
    expression: rhythm === 'cron' && preset ? cronOf(schedule) : schedule.expression
  });
}

function RhythmFields({ id, model }: Props): JSX.Element {
  const { draft, errors } = model;
  const s = draft.schedule;
  const input = (
    name: keyof ScheduleDraft,
    title: string,
    type: string,
    field: string,
    help?: React.ReactNode,
    more: React.InputHTMLAttributes<HTMLInputElement> = {}
  ) => (
    <Field id={`${id}-${name}`} title={title} description={help} error={errorAt(errors, field)}>
      {aria => (
        <input
          {...aria}
          {...more}
          className={`clg-input${type === 'number' ? ' clg-input-number' : ''}${name === 'expression' ? ' clg-code' : ''}`}
          type={type}
          data-testid={`collegium-when-${name}`}
          value={String(s[name])}
          onChange={e => model.setSchedule({ [name]: e.target.value })}
        />
      )}
    </Field>
  );
  switch (s.rhythm) {
    case 'cron':
      return input(
        'expression',
        'Expression',
        'text',
        'recurrence.expression',
        'Minute, hour, day of month, month, day of week; 30 2 * * 1-5 is 02:30 from Monday to Friday.',
        { spellCheck: false, autoComplete: 'off', maxLength: 200 }
      );
    case 'interval':
      return (
        <>
          <div className="clg-pair">
            {input('every', 'Every', 'number', 'recurrence.every', undefined, { min: 1, step: 'any' })}
            <Field id={`${id}-unit`} title="Unit">
              {aria => (
                <select
                  {...aria}
                  className="clg-select"
                  data-testid="collegium-when-unit"
                  value={s.unit}
                  onChange={e => model.setSchedule({ unit: e.target.value as Unit })}
                >
                  <option value="minutes">minutes</option>
                  <option value="hours">hours</option>
                  <option value="days">days</option>
                </select>
              )}
            </Field>
          </div>
          {input('anchor', 'Counted from', 'datetime-local', 'recurrence.anchor', 'Empty: from now.', {
            step: 1
          })}
        </>
      );
    case 'once':
      return input('at', 'At', 'datetime-local', 'recurrence.at');
    case 'hourly':
      return (
        <Field id={`${id}-minute`} title="At minute" error={errorAt(errors, 'recurrence.expression')}>
          {aria => (
            <input
              {...aria}
              className="clg-input clg-input-number"
              type="number"
              min={0}
              max={59}
              value={Number(s.time.split(':')[1])}
              onChange={e => model.setSchedule({ time: `00:${e.target.value.padStart(2, '0')}` })}
            />
          )}
        </Field>
      );
    default:
      return (
        <>
          {s.rhythm === 'weekly' && (
            <Field id={`${id}-weekday`} title="On">
              {aria => (
                <select
                  {...aria}
                  className="clg-select"
                  value={s.weekday}
                  onChange={e => model.setSchedule({ weekday: e.target.value })}
                >
                  {[1, 2, 3, 4, 5, 6, 0].map(day => (
                    <option key={day} value={day}>
                      {WEEKDAYS[day]}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          )}
          {s.rhythm === 'monthly' &&
            input(
              'monthday',
              'On day',
              'number',
              'recurrence.expression',
              Number(s.monthday) > 28 ? 'Months without that day are left out.' : undefined,
              { min: 1, max: 31 }
            )}
          {input('time', 'At', 'time', s.rhythm === 'monthly' ? '' : 'recurrence.expression')}
        </>
      );
  }
}

function Zone({ id, model }: Props): JSX.Element {
  const { zone } = model.draft.schedule;
  const known = React.useMemo(() => zones(), []);
  return (
    <Field
      id={`${id}-zone`}
      title="Time zone"
      description="Its clock counts, also when summer time begins or ends."
      error={errorAt(model.errors, 'recurrence.zone')}
    >
      {aria => (
        <>
          <input
            {...aria}
            className="clg-input"
            type="text"
            list={`${id}-zones`}
            autoComplete="off"
            spellCheck={false}
            data-testid="collegium-when-zone"
            value={zone}
            onChange={e => model.setSchedule({ zone: e.target.value })}
          />
          <datalist id={`${id}-zones`}>
            {known.map(name => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
