import * as React from 'react';

import { OWN_FIELDS, RETRY_ON, type RetryDraft } from '../draft';
import { errorAt } from '../errors';
import { duration } from '../format';
import { field } from '../schema';
import { DependsFields } from './DependsFields';
import { Field, SchemaField } from './Field';
import type { FormModel } from './FormModel';
import { NotifyFields } from './NotifyFields';
import { Rows } from './Rows';
import { SecretRows } from './SecretRows';
import { TagsInput } from './TagsInput';

interface Props {
  id: string;
  model: FormModel;
}

/** Each error that would be hidden opens the part. */
const INSIDE = [
  'environment',
  'secrets',
  'notebook.kernel',
  'timeout_seconds',
  'retries',
  'retry',
  'priority',
  'depends_on',
  'tags',
  'notes',
  'notify'
];

/** What is seldom needed, and whatever the schema has that this extension does not know. */
export function MoreFields({ id, model }: Props): JSX.Element {
  const { draft, errors } = model;
  const plain = model.specs.filter(
    spec => !OWN_FIELDS.includes(spec.name) && ['string', 'integer', 'number', 'boolean'].includes(spec.type)
  );
  const environment = field(model.specs, { name: 'environment', title: 'Environment variables' });
  const wrong = [...INSIDE, ...plain.map(s => s.name)].some(name => errorAt(errors, name, true));
  const [open, setOpen] = React.useState(false);
  const text = (name: string, title: string, more: { rows?: number; placeholder?: string } = {}) => (
    <SchemaField
      id={`${id}-${name}`}
      testid={`collegium-form-${name}`}
      spec={field(model.specs, { name, title })}
      value={draft.texts[name] ?? ''}
      error={errorAt(errors, name, true)}
      onChange={value => model.setText(name, value)}
      {...more}
    />
  );
  return (
    <details
      className="clg-more-fields"
      data-testid="collegium-more"
      open={open || wrong}
      onToggle={e => setOpen(e.currentTarget.open)}
    >
      <summary>More settings</summary>
      <div className="clg-columns">
        <TimeLimit id={id} model={model} />
        {text('priority', 'Priority')}
        {text('retries', 'Retries')}
      </div>
      {Number(draft.texts.retries) > 0 && <RetryFields id={id} model={model} />}
      {draft.when === 'once' && !model.schedule && <DependsFields id={id} model={model} />}
      <TagsInput
        id={`${id}-tags`}
        tags={draft.tags}
        error={errorAt(errors, 'tags', true)}
        suggest={async () => (await model.session.client?.tags(model.group))?.items.map(t => t.tag) ?? []}
        onChange={tags => {
          model.clearError('tags');
          model.set({ tags });
        }}
      />
      {text('notes', 'Notes', { rows: 3 })}
      <NotifyFields id={id} model={model} />
      {plain.map(spec => (
        <SchemaField
          key={spec.name}
          id={`${id}-${spec.name}`}
          testid={`collegium-form-${spec.name}`}
          spec={spec}
          value={draft.texts[spec.name] ?? ''}
          error={errorAt(errors, spec.name, true)}
          onChange={value => model.setText(spec.name, value)}
        />
      ))}
      {draft.kind === 'notebook' && (
        <SchemaField
          id={`${id}-kernel`}
          testid="collegium-form-kernel"
          spec={field(model.notebookSpecs, { name: 'kernel', title: 'Kernel' })}
          value={draft.kernel}
          error={errorAt(errors, 'notebook.kernel')}
          onChange={kernel => model.set({ kernel })}
        />
      )}
      <fieldset className="clg-parameters">
        <legend>{environment.title}</legend>
        {environment.description && <p className="clg-hint">{environment.description}</p>}
        <Rows
          label="variable"
          valueHint="Value"
          rows={draft.environment}
          errors={draft.environment.map(row => errors[`environment.${row.name}`] ?? '')}
          onChange={rows => model.set({ environment: rows })}
        />
        {errors.environment && <p className="clg-error">{errors.environment}</p>}
      </fieldset>
      <SecretRows model={model} />
    </details>
  );
}

/** Empty is the group's default, which is shown. */
function TimeLimit({ id, model }: Props): JSX.Element {
  const limit = model.settings?.job_timeout_seconds;
  const held = !limit ? '' : limit.holds === 0 ? 'no limit' : duration(limit.holds * 1000);
  const spec = field(model.specs, {
    name: 'timeout_seconds',
    title: 'Time limit (seconds)',
    type: 'integer'
  });
  const seconds = Number(model.draft.texts.timeout_seconds);
  const meant = seconds > 0 ? ` That is ${duration(seconds * 1000)}.` : '';
  return (
    <SchemaField
      id={`${id}-timeout_seconds`}
      testid="collegium-form-timeout_seconds"
      spec={{ ...spec, description: `${spec.description}${held && ` The group’s: ${held}.`}${meant}` }}
      placeholder={limit ? (limit.holds === 0 ? 'no limit' : String(limit.holds)) : undefined}
      value={model.draft.texts.timeout_seconds ?? ''}
      error={errorAt(model.errors, 'timeout_seconds')}
      onChange={text => model.setText('timeout_seconds', text)}
    />
  );
}

const CAUSES: Record<(typeof RETRY_ON)[number], string> = {
  exit_code: 'it failed by itself',
  signal: 'it was killed',
  out_of_memory: 'memory ran out',
  timeout: 'time ran out',
  lost: 'its machine was lost'
};

function RetryFields({ id, model }: Props): JSX.Element {
  const { draft, errors } = model;
  const { retry } = draft;
  const set = (change: Partial<RetryDraft>) => model.set({ retry: { ...retry, ...change } });
  const input = (name: 'base' | 'factor' | 'longest' | 'exitCodes', key: string, title: string) => (
    <Field id={`${id}-retry-${name}`} title={title} error={errorAt(errors, `retry.${key}`, true)}>
      {aria => (
        <input
          {...aria}
          className={name === 'exitCodes' ? 'clg-input' : 'clg-input clg-input-number'}
          type={name === 'exitCodes' ? 'text' : 'number'}
          min={0}
          step={name === 'factor' ? 'any' : 1}
          placeholder={name === 'exitCodes' ? 'any' : undefined}
          data-testid={`collegium-retry-${name}`}
          value={retry[name]}
          onChange={e => {
            model.clearError(`retry.${key}`);
            set({ [name]: e.target.value });
          }}
        />
      )}
    </Field>
  );
  return (
    <fieldset className="clg-parameters clg-worded" data-testid="collegium-retry">
      <legend>Retry when</legend>
      <div className="clg-causes">
        {RETRY_ON.map(cause => (
          <label key={cause} className="clg-check">
            <input
              type="checkbox"
              checked={retry.on.includes(cause)}
              onChange={e =>
                set({ on: RETRY_ON.filter(c => (c === cause ? e.target.checked : retry.on.includes(c))) })
              }
            />
            {CAUSES[cause]}
          </label>
        ))}
      </div>
      {errors['retry.on'] && <p className="clg-error">{errors['retry.on']}</p>}
      <div className="clg-columns">
        {retry.on.includes('exit_code') && input('exitCodes', 'exit_codes', 'Only these exit codes')}
        {input('base', 'base_seconds', 'First wait (seconds)')}
        {input('factor', 'factor', 'Each wait is so many times the last')}
        {input('longest', 'max_seconds', 'Longest wait (seconds)')}
      </div>
      <p className="clg-hint">{waits(draft.texts.retries ?? '0', retry)}</p>
    </fieldset>
  );
}

/** What the numbers come to. */
function waits(retries: string, retry: RetryDraft): string {
  const [base, factor, longest] = [retry.base, retry.factor, retry.longest].map(Number);
  if (!base) {
    return 'Started again at once.';
  }
  const each = Array.from({ length: Math.min(Number(retries), 5) }, (_, i) =>
    duration(Math.min(base * factor ** i, longest) * 1000)
  );
  return `Waits ${each.join(', ')}${Number(retries) > 5 ? ' …' : ''}.`;
}
