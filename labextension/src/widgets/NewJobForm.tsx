import * as React from 'react';

import { OWN_FIELDS } from '../draft';
import { errorAt } from '../errors';
import { useSignal } from '../hooks';
import { WhenFields } from '../schedules/WhenFields';
import { field } from '../schema';
import { isSweepError } from '../sweeps/axis';
import { SweepPart } from '../sweeps/SweepPart';
import { ImageChoices, InstanceTypeChoices } from './Choices';
import { DatasetFields } from './DatasetFields';
import { DirectoryFields } from './DirectoryFields';
import { SchemaField } from './Field';
import type { FormModel, Made } from './FormModel';
import { MoreFields } from './MoreFields';
import { ParameterFields } from './ParameterFields';

interface Props {
  id: string;
  model: FormModel;
  onSubmitted: (made: Made) => void;
  onClose: () => void;
}

/** The form for a new job, drawn from the service's schema and the group's catalog. */
export function NewJobForm({ id, model, onSubmitted, onClose }: Props): JSX.Element {
  useSignal(model.changed);
  const form = React.useRef<HTMLFormElement>(null);
  const { draft, errors } = model;
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const made = await model.submit();
    if (made) {
      onSubmitted(made);
    } else {
      // After React has drawn the errors.
      setTimeout(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus(), 50);
    }
  };
  const plain = (name: string, fallback: { title: string; description?: string; required?: boolean }) =>
    field(model.specs, { name, ...fallback });
  const wrong = Object.entries(errors).filter(([key]) => !hasPlace(key, model));
  return (
    <form
      ref={form}
      className="clg-form"
      data-testid="collegium-form"
      noValidate
      onSubmit={e => void submit(e)}
    >
      <h2>{heading(model)}</h2>
      {model.denied && <p className="clg-error">{model.denied}</p>}
      <SchemaField
        id={`${id}-name`}
        testid="collegium-form-name"
        spec={plain('name', { title: 'Name', required: true })}
        value={draft.texts.name ?? ''}
        error={errorAt(errors, 'name')}
        onChange={text => model.setText('name', text)}
      />
      {!model.schedule && <When id={id} model={model} />}
      {draft.when === 'schedule' && <WhenFields id={id} model={model} />}
      <What id={id} model={model} />
      {draft.when === 'sweep' && <SweepPart id={id} model={model} />}
      <DirectoryFields id={id} model={model} />
      <DatasetFields id={id} model={model} />
      <div className="clg-columns">
        <InstanceTypeChoices
          id={id}
          title={plain('instance_type', { title: 'Instance type' }).title}
          catalog={model.catalog}
          value={draft.instanceType}
          error={errorAt(errors, 'instance_type', true)}
          onChange={instanceType => {
            model.clearError('instance_type');
            model.set({ instanceType });
          }}
        />
        <ImageChoices
          id={id}
          title={plain('image', { title: 'Image' }).title}
          catalog={model.catalog}
          value={draft.image}
          error={errorAt(errors, 'image', true)}
          onChange={image => {
            model.clearError('image');
            model.set({ image });
          }}
        />
      </div>
      <MoreFields id={id} model={model} />
      {(model.problem || wrong.length > 0) && (
        <div className="clg-form-error" role="alert" data-testid="collegium-form-error">
          <p>{model.problem}</p>
          {wrong
            .filter(([, text]) => text !== model.problem)
            .map(([key, text]) => (
              <p key={key}>
                {key}: {text}
              </p>
            ))}
        </div>
      )}
      <div className="clg-actions clg-form-actions">
        <button
          type="submit"
          className="clg-button clg-primary"
          data-testid="collegium-form-submit"
          disabled={model.sending || !model.catalog || !!model.denied}
        >
          {model.sending ? 'Sending …' : verb(model)}
        </button>
        <button type="button" className="clg-button" onClick={onClose}>
          Close
        </button>
      </div>
    </form>
  );
}

function heading(model: FormModel): string {
  if (model.schedule) {
    return `Edit the schedule “${model.schedule.name}”`;
  }
  const what = { once: 'job', schedule: 'schedule', sweep: 'sweep' }[model.draft.when];
  return `New ${what} in ${model.groupTitle}`;
}

function verb(model: FormModel): string {
  const verbs = { once: 'Submit', schedule: 'Make the schedule', sweep: 'Submit the sweep' };
  return model.schedule ? 'Save' : verbs[model.draft.when];
}

/** Once, again and again, or many times with other values. */
function When({ id, model }: { id: string; model: FormModel }): JSX.Element {
  return (
    <fieldset className="clg-inline">
      <legend>When</legend>
      {(['once', 'schedule', 'sweep'] as const).map(when => (
        <label key={when}>
          <input
            type="radio"
            name={`${id}-when`}
            checked={model.draft.when === when}
            data-testid={`collegium-when-${when === 'once' ? 'now' : when}`}
            onChange={() => model.set({ when })}
          />
          {{ once: 'run once', schedule: 'on a schedule', sweep: 'as a sweep' }[when]}
        </label>
      ))}
    </fieldset>
  );
}

/** Fields of a schedule that have a place in the form. */
const WHEN_FIELDS = [
  'recurrence',
  'start_at',
  'end_at',
  'max_runs',
  'overlap',
  'missed',
  'missed_limit',
  'missed_horizon',
  'max_failures'
];

/** True if the error is shown at a field, so that it need not be named below as well. */
function hasPlace(key: string, model: FormModel): boolean {
  const [top] = key.split('.');
  const { draft } = model;
  const value = /^(?:notebook\.parameters|values)\.([^.]+)/.exec(key);
  if (value) {
    return [...draft.parameters, ...draft.added].some(p => p.name === value[1]);
  }
  if (WHEN_FIELDS.includes(top)) {
    return draft.when === 'schedule';
  }
  if (isSweepError(key)) {
    return draft.when === 'sweep';
  }
  return top === 'added' || OWN_FIELDS.includes(top) || model.specs.some(s => s.name === top);
}

/** A command or a notebook. */
function What({ id, model }: { id: string; model: FormModel }): JSX.Element {
  const { draft, errors } = model;
  const notebook = draft.kind === 'notebook';
  return (
    <>
      <fieldset className="clg-inline">
        <legend>Runs</legend>
        {(['command', 'notebook'] as const).map(kind => (
          <label key={kind}>
            <input
              type="radio"
              name={`${id}-kind`}
              checked={draft.kind === kind}
              data-testid={`collegium-kind-${kind}`}
              onChange={() => model.set({ kind })}
            />
            {kind === 'command' ? 'a command' : 'a notebook'}
          </label>
        ))}
      </fieldset>
      {notebook ? (
        <>
          <SchemaField
            id={`${id}-notebook`}
            testid="collegium-form-notebook"
            spec={{
              ...field(model.notebookSpecs, { name: 'path', title: 'Notebook' }),
              required: true
            }}
            value={draft.notebookPath}
            error={errorAt(errors, 'notebook.path') || errorAt(errors, 'notebook')}
            onChange={notebookPath => {
              model.clearError('notebook.path');
              model.set({ notebookPath });
            }}
          />
        </>
      ) : (
        <SchemaField
          id={`${id}-command`}
          testid="collegium-form-command"
          spec={{ ...field(model.specs, { name: 'command', title: 'Command' }), required: true }}
          rows={5}
          placeholder="python train.py --epochs 5"
          value={draft.texts.command ?? ''}
          error={errorAt(errors, 'command')}
          onChange={text => model.setText('command', text)}
        />
      )}
      <ParameterFields id={id} model={model} />
    </>
  );
}
