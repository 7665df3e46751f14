/** From a selection of shared files into a dataset: a new one, or one that is there. */

import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { Listed, Problem } from '../accounts/parts';
import type { Actions } from '../actions';
import type { FileTaskOut } from '../api';
import type { Client } from '../client';
import { ToolButton } from '../files/icons';
import { counted } from '../files/kinds';
import { Modal } from '../files/Modal';
import { nameOf, outermost } from '../files/paths';
import { Field } from '../widgets/Field';
import { allDatasets } from './all';
import { nameFrom } from './names';

interface Props {
  actions: Actions;
  client: Client;
  group: string;
  /** Paths of shared files. */
  paths: readonly string[];
  /** A copy has begun; the caller follows it. */
  onTask?: (task: FileTaskOut) => void;
}

/** Two buttons for a bar that shows what is chosen; they keep their own dialogs. */
export function DatasetButtons(props: Props): JSX.Element {
  const { actions, group, paths } = props;
  const [adding, setAdding] = React.useState(false);
  const make = actions.session.denied('dataset.create');
  const add = actions.session.denied('dataset.version');
  const chosen = outermost(paths);
  return (
    <>
      <ToolButton
        icon="new-dataset"
        label="Make a dataset"
        testid="collegium-make-dataset"
        denied={make}
        plain
        onClick={() =>
          actions.host.open({
            what: 'new-dataset',
            group,
            draft: { copyFrom: chosen, name: chosen.length === 1 ? nameFrom(stem(chosen[0])) : '' }
          })
        }
      />
      <ToolButton
        icon="dataset"
        label="Add to a dataset"
        testid="collegium-add-to-dataset"
        denied={add}
        plain
        onClick={() => setAdding(true)}
      />
      {adding && <AddToDataset {...props} paths={chosen} onClose={() => setAdding(false)} />}
    </>
  );
}

/** A file's name without its ending. */
function stem(path: string): string {
  return nameOf(path).replace(/(.)\.[^.]*$/, '$1');
}

/** Which dataset, and where in it. */
export function AddToDataset(props: Props & { onClose: () => void }): JSX.Element {
  const { actions, client, group, paths, onClose } = props;
  const found = useLoad(`datasets/${group}//`, () => allDatasets(client, group));
  const [name, setName] = React.useState('');
  const [target, setTarget] = React.useState('');
  const copy = useAction();
  const fit = found.value?.items.filter(d => d.kind === 'managed' && (d.mine || d.access === 'rw')) ?? null;
  const chosen = name || fit?.[0]?.name || '';
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    await copy.run(async () => {
      const task = await client.copyIntoDataset(group, chosen, [...paths], target.trim());
      actions.host.tell(`Copying ${counted(paths.length, 'item')} into dataset “${chosen}”.`);
      props.onTask?.(task);
      onClose();
    });
  };
  return (
    <Modal
      title={`Add ${counted(paths.length, 'item')} to a dataset`}
      testid="collegium-add-dialog"
      onClose={onClose}
    >
      <Listed
        items={fit}
        problem={found.problem}
        retry={found.reload}
        empty="There is no dataset that this group may write."
      >
        <form className="clg-form clg-dialog-form" onSubmit={event => void submit(event)}>
          <Field
            id="clg-add-dataset"
            title="Dataset"
            description="What is in it now changes; its versions stay as they are."
          >
            {aria => (
              <select
                {...aria}
                className="clg-select"
                data-testid="collegium-add-name"
                value={chosen}
                onChange={e => setName(e.target.value)}
              >
                {fit?.map(d => (
                  <option key={d.name} value={d.name}>
                    {d.display_name && d.display_name !== d.name ? `${d.display_name} (${d.name})` : d.name}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field id="clg-add-target" title="Folder in it" description="Empty: its top.">
            {aria => (
              <input
                {...aria}
                className="clg-input clg-code"
                autoComplete="off"
                value={target}
                onChange={e => setTarget(e.target.value)}
              />
            )}
          </Field>
          <Problem of={copy.problem} />
          <div className="clg-actions">
            <button
              type="submit"
              className="clg-button clg-primary"
              data-testid="collegium-add-go"
              disabled={copy.busy || !chosen}
            >
              Copy
            </button>
            <button type="button" className="clg-button" onClick={onClose}>
              Cancel
            </button>
          </div>
        </form>
      </Listed>
      {fit?.length === 0 && (
        <div className="clg-actions">
          <button type="button" className="clg-button" onClick={onClose}>
            Close
          </button>
        </div>
      )}
    </Modal>
  );
}
