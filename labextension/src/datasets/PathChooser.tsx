import * as React from 'react';

import { Problem } from '../accounts/parts';
import type { Client } from '../client';
import { FileList } from '../files/FileList';
import { FileIcon } from '../files/icons';
import { counted, sortOf } from '../files/kinds';
import { Modal } from '../files/Modal';
import { crumbs } from '../files/paths';
import { useSignal } from '../hooks';

/** Files and folders of Shared Files, from any number of places. */
export function PathChooser(props: {
  client: Client;
  group: string;
  chosen: readonly string[];
  onDone: (paths: string[]) => void;
  onClose: () => void;
}): JSX.Element {
  const [list] = React.useState(() => new FileList(props.client, props.group));
  useSignal(list.changed);
  const [chosen, choose] = React.useState(new Set(props.chosen));
  React.useEffect(() => {
    void list.open('');
    return () => list.dispose();
  }, [list]);
  const toggle = (path: string) => {
    const next = new Set(chosen);
    if (!next.delete(path)) {
      next.add(path);
    }
    choose(next);
  };
  return (
    <Modal title="Choose files and folders" testid="collegium-path-chooser" onClose={props.onClose}>
      <nav className="clg-crumbs" aria-label="Folders">
        <ol>
          {crumbs(list.path, props.group).map((step, index, all) => (
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
      <ul className="clg-plain-list clg-picker" aria-label="Files here">
        {list.items.map(entry => (
          <li key={entry.path} className="clg-choose-line">
            <label className="clg-check">
              <input
                type="checkbox"
                aria-label={`Choose ${entry.name}`}
                data-testid={`collegium-choose-${entry.name}`}
                checked={chosen.has(entry.path)}
                onChange={() => toggle(entry.path)}
              />
              <FileIcon name={sortOf(entry)} />
              {entry.kind === 'file' && <span>{entry.name}</span>}
            </label>
            {entry.kind === 'folder' && (
              <button type="button" className="clg-link" onClick={() => void list.open(entry.path)}>
                {entry.name}
              </button>
            )}
          </li>
        ))}
        {list.loaded && list.items.length === 0 && <li className="clg-empty">Nothing here.</li>}
        {!list.loaded && !list.problem && <li className="clg-empty">Loading …</li>}
        {list.cursor && (
          <li>
            <button type="button" className="clg-link" onClick={() => void list.more()}>
              Show more
            </button>
          </li>
        )}
      </ul>
      <div className="clg-actions">
        <button
          type="button"
          className="clg-button clg-primary"
          data-testid="collegium-choose-done"
          disabled={chosen.size === 0}
          onClick={() => {
            props.onDone([...chosen]);
            props.onClose();
          }}
        >
          {chosen.size === 0 ? 'Choose' : `Choose ${counted(chosen.size, 'item')}`}
        </button>
        <button type="button" className="clg-button" onClick={props.onClose}>
          Cancel
        </button>
      </div>
    </Modal>
  );
}
