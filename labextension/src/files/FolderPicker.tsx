import * as React from 'react';

import { useAction } from '../accounts/load';
import { Problem } from '../accounts/parts';
import { useSignal } from '../hooks';
import { FileList } from './FileList';
import type { FilesModel } from './FilesModel';
import { FileIcon } from './icons';
import { counted, sortOf } from './kinds';
import { Modal } from './Modal';
import { badName, crumbs, join, misplaced } from './paths';

/** Where to move or copy to. */
export function FolderPicker(props: {
  model: FilesModel;
  verb: 'move' | 'copy';
  paths: readonly string[];
  onClose: () => void;
}): JSX.Element {
  const { model, verb, paths, onClose } = props;
  const [list] = React.useState(() => new FileList(model.client, model.group));
  useSignal(list.changed);
  React.useEffect(() => {
    void list.open(model.list.path);
    return () => list.dispose();
  }, [list, model]);
  const folders = list.items.filter(e => e.kind === 'folder');
  const { path } = list;
  const wrong =
    (verb === 'move' ? misplaced(paths, path) : '') ||
    (list.loaded && !list.writable ? 'This can only be read.' : '');
  const word = verb === 'move' ? 'Move' : 'Copy';
  // Files stand between the folders; more is fetched as long as there is room for folders.
  React.useEffect(() => {
    if (folders.length < 50) {
      void list.more();
    }
  }, [list, folders.length, list.items.length]);
  const choose = () => {
    onClose();
    void model.transfer(verb, paths, path);
  };
  return (
    <Modal
      title={`${word} ${counted(paths.length, 'item')} to …`}
      testid="collegium-folder-picker"
      onClose={onClose}
    >
      <nav className="clg-crumbs" aria-label="Folders">
        <ol>
          {crumbs(path, model.group).map((step, index, all) => (
            <li key={step.path}>
              <button type="button" className="clg-crumb" onClick={() => void list.open(step.path)}>
                {step.name}
              </button>
              {index < all.length - 1 && <span aria-hidden="true">/</span>}
            </li>
          ))}
        </ol>
      </nav>
      <Problem of={list.problem} retry={() => void list.refresh()} />
      <ul className="clg-plain-list clg-picker" aria-label="Folders here">
        {folders.map(folder => (
          <li key={folder.path}>
            <button type="button" className="clg-found" onClick={() => void list.open(folder.path)}>
              <FileIcon name={sortOf(folder)} />
              <span>{folder.name}</span>
            </button>
          </li>
        ))}
        {list.loaded && folders.length === 0 && !list.cursor && (
          <li className="clg-empty">No folders here.</li>
        )}
        {!list.loaded && !list.problem && <li className="clg-empty">Loading …</li>}
        {list.cursor && folders.length >= 50 && (
          <li>
            <button type="button" className="clg-link" onClick={() => void list.more()}>
              Show more
            </button>
          </li>
        )}
      </ul>
      {list.loaded && list.writable && <NewFolder model={model} list={list} />}
      {wrong && <p className="clg-hint">{wrong}</p>}
      <div className="clg-actions">
        <button
          type="button"
          className="clg-button clg-primary"
          data-testid="collegium-folder-picker-go"
          disabled={!!wrong || !list.loaded}
          onClick={choose}
        >
          {word} here
        </button>
        <button type="button" className="clg-button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </Modal>
  );
}

function NewFolder({ model, list }: { model: FilesModel; list: FileList }): JSX.Element {
  const [name, setName] = React.useState('');
  const make = useAction();
  const go = async () => {
    const path = join(list.path, name.trim());
    const done = await make.run(async () => {
      const wrong = badName(name);
      if (wrong) {
        throw new Error(wrong);
      }
      await model.client.makeFolder(model.group, path);
    });
    if (done) {
      setName('');
      await list.open(path);
    }
  };
  return (
    <>
      <form
        className="clg-pair"
        onSubmit={event => {
          event.preventDefault();
          void go();
        }}
      >
        <input
          className="clg-input"
          aria-label="Name of a new folder"
          placeholder="New folder"
          value={name}
          onChange={event => setName(event.target.value)}
        />
        <button type="submit" className="clg-button clg-small" disabled={make.busy || !name.trim()}>
          Make it
        </button>
      </form>
      <Problem of={make.problem} />
    </>
  );
}
