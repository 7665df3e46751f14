import * as React from 'react';

import type { CopyMode } from '../draft';
import { errorAt } from '../errors';
import { field } from '../schema';
import { Field, SchemaField } from './Field';
import type { FormModel } from './FormModel';

/** Which files of the home directory the job gets. */
export function DirectoryFields({ id, model }: { id: string; model: FormModel }): JSX.Element {
  const { draft, errors } = model;
  const notebook = draft.kind === 'notebook';
  // From a notebook with a folder the two common choices have plain names.
  const alone = notebook && draft.files.trim() === draft.notebookPath.trim();
  const modes: [CopyMode, string][] = [
    ['all', draft.directory ? 'the whole folder' : 'a whole folder'],
    ['only', alone ? 'only this notebook' : 'only these files']
  ];
  if (!notebook || draft.copy === 'none') {
    modes.unshift(['none', 'nothing']);
  }
  const files = field(model.directorySpecs, { name: 'files', title: 'Files' });
  return (
    <>
      <fieldset className="clg-inline">
        <legend>
          Files to copy from your home {draft.when === 'schedule' ? 'at each run' : 'when you submit'}
        </legend>
        {modes.map(([mode, label]) => (
          <label key={mode}>
            <input
              type="radio"
              name={`${id}-copy`}
              checked={draft.copy === mode}
              data-testid={`collegium-copy-${mode}`}
              onChange={() => model.set({ copy: mode })}
            />
            {label}
          </label>
        ))}
      </fieldset>
      {errorAt(errors, 'working_directory') && (
        <p className="clg-error">{errorAt(errors, 'working_directory')}</p>
      )}
      {draft.copy !== 'none' && (
        <SchemaField
          id={`${id}-directory`}
          testid="collegium-form-directory"
          spec={field(model.directorySpecs, { name: 'path', title: 'Directory' })}
          value={draft.directory}
          error={errorAt(errors, 'working_directory.path')}
          onChange={directory => {
            model.clearError('working_directory.path');
            model.set({ directory });
          }}
        />
      )}
      {draft.copy === 'only' && (
        <Field
          id={`${id}-files`}
          title={files.title}
          description="One path a line, relative to the directory."
          error={errorAt(errors, 'working_directory.files', true)}
        >
          {aria => (
            <textarea
              {...aria}
              className="clg-input clg-code"
              data-testid="collegium-form-files"
              rows={2}
              spellCheck={false}
              value={draft.files}
              onChange={e => {
                model.clearError('working_directory.files');
                model.set({ files: e.target.value });
              }}
            />
          )}
        </Field>
      )}
    </>
  );
}
