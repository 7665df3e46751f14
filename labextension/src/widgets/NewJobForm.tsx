import * as React from 'react';

import type { JobOut } from '../api';
import { errorAt, OWN_FIELDS } from '../draft';
import { useSignal } from '../hooks';
import { field } from '../schema';
import { ImageChoices, InstanceTypeChoices } from './Choices';
import { DirectoryFields } from './DirectoryFields';
import { SchemaField } from './Field';
import type { FormModel } from './FormModel';
import { ParameterFields } from './ParameterFields';
import { Rows } from './Rows';

interface Props {
  id: string;
  model: FormModel;
  onSubmitted: (job: JobOut) => void;
  onClose: () => void;
}

/** The form for a new job, drawn from the service's schema and the group's catalog. */
export function NewJobForm({ id, model, onSubmitted, onClose }: Props): JSX.Element {
  useSignal(model.changed);
  const form = React.useRef<HTMLFormElement>(null);
  const { draft, errors } = model;
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const job = await model.submit();
    if (job) {
      onSubmitted(job);
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
      <h2>New job in {model.groupTitle}</h2>
      {model.denied && <p className="clg-error">{model.denied}</p>}
      <SchemaField
        id={`${id}-name`}
        testid="collegium-form-name"
        spec={plain('name', { title: 'Name', required: true })}
        value={draft.texts.name ?? ''}
        error={errorAt(errors, 'name')}
        onChange={text => model.setText('name', text)}
      />
      <What id={id} model={model} />
      <DirectoryFields id={id} model={model} />
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
      <More id={id} model={model} />
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
          {model.sending ? 'Submitting …' : 'Submit'}
        </button>
        <button type="button" className="clg-button" onClick={onClose}>
          Close
        </button>
      </div>
    </form>
  );
}

/** True if the error is shown at a field, so that it need not be named below as well. */
function hasPlace(key: string, model: FormModel): boolean {
  const [top] = key.split('.');
  const { draft } = model;
  if (key.startsWith('notebook.parameters.')) {
    const name = key.slice('notebook.parameters.'.length).split('.')[0];
    return [...draft.parameters, ...draft.added].some(p => p.name === name);
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
          <ParameterFields id={id} model={model} />
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
    </>
  );
}

/** What is seldom needed, and whatever the schema has that this extension does not know. */
function More({ id, model }: { id: string; model: FormModel }): JSX.Element {
  const { draft, errors } = model;
  const plain = model.specs.filter(
    spec => !OWN_FIELDS.includes(spec.name) && ['string', 'integer', 'number', 'boolean'].includes(spec.type)
  );
  const environment = field(model.specs, { name: 'environment', title: 'Environment variables' });
  const wrong = ['environment', 'notebook.kernel', ...plain.map(s => s.name)].some(name =>
    errorAt(errors, name, true)
  );
  const [open, setOpen] = React.useState(false);
  return (
    <details className="clg-more-fields" open={open || wrong} onToggle={e => setOpen(e.currentTarget.open)}>
      <summary>More settings</summary>
      {plain.map(spec => (
        <SchemaField
          key={spec.name}
          id={`${id}-${spec.name}`}
          testid={`collegium-form-${spec.name}`}
          spec={spec}
          value={draft.texts[spec.name] ?? ''}
          error={errorAt(errors, spec.name, true)}
          onChange={text => model.setText(spec.name, text)}
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
    </details>
  );
}
