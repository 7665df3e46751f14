import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { Problem } from '../accounts/parts';
import { ApiError } from '../client';
import { errorAt, serverErrors } from '../errors';
import { Field } from '../widgets/Field';
import { archiveStem, freeFolder } from './archives';
import { unpack } from './unpack';
import type { FilesModel } from './FilesModel';
import { Modal } from './Modal';
import { badName, nameOf, parentOf } from './paths';
import { exists } from './uploads/open';
import type { Entry } from './wire';

/** How the folder is called that an archive's content goes into. */
export function UnpackDialog(props: { model: FilesModel; entry: Entry; onClose: () => void }): JSX.Element {
  const { model, entry, onClose } = props;
  const { client, group } = model;
  const folder = parentOf(entry.path);
  const stem = archiveStem(entry.name) ?? entry.name;
  const free = useLoad(`unpack/${group}/${entry.path}`, () =>
    freeFolder(folder, stem, path => exists(client, group, path))
  );
  // Null as long as nobody has typed.
  const [typed, setTyped] = React.useState<string | null>(null);
  const name = typed ?? free.value ?? '';
  const [own, setOwn] = React.useState('');
  const begin = useAction();
  const field = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    if (free.value !== null) {
      field.current?.focus();
      field.current?.select();
    }
  }, [free.value]);
  const error = own || targetError(begin.problem);
  const gone = React.useRef(false);
  React.useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
    };
  }, []);
  const start = async () => {
    try {
      await unpack(model, entry, name);
    } catch (problem) {
      if (gone.current) {
        void model.attempt(() => Promise.reject(problem)); // nobody sees it here any more
      }
      throw problem;
    }
  };
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const wrong = badName(name);
    setOwn(wrong);
    if (!wrong && (await begin.run(start))) {
      onClose();
    } else {
      field.current?.focus();
    }
  };
  return (
    <Modal title={`Unpack “${entry.name}”`} testid="collegium-unpack-dialog" onClose={onClose}>
      <form className="clg-form clg-dialog-form" noValidate onSubmit={event => void submit(event)}>
        <Field
          id="clg-unpack-name"
          title="Name of the new folder"
          required
          description={`It is made beside the archive, in ${folder ? `“${nameOf(folder)}”` : 'the top folder'}.`}
          error={error}
        >
          {aria => (
            <input
              {...aria}
              ref={field}
              className="clg-input"
              required
              autoComplete="off"
              spellCheck={false}
              data-testid="collegium-unpack-name"
              readOnly={free.value === null}
              placeholder={free.value === null ? 'Looking for a name that is free …' : undefined}
              value={name}
              onChange={event => {
                setOwn('');
                begin.clear();
                setTyped(event.target.value);
              }}
            />
          )}
        </Field>
        {!error && <Problem of={begin.problem} />}
        <div className="clg-actions">
          <button
            type="submit"
            className="clg-button clg-primary"
            data-testid="collegium-unpack-go"
            disabled={begin.busy || free.value === null}
          >
            {begin.busy ? 'Beginning …' : 'Unpack'}
          </button>
          <button type="button" className="clg-button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Modal>
  );
}

/** What the service says against the folder: its place, or that there is something already. */
function targetError(problem: unknown): string {
  if (!(problem instanceof ApiError)) {
    return '';
  }
  return problem.status === 409 && typeof problem.details.path === 'string'
    ? problem.message
    : errorAt(serverErrors(problem.message, problem.details), 'target');
}
