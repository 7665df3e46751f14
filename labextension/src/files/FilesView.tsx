import * as React from 'react';

import { Problem } from '../accounts/parts';
import type { Actions } from '../actions';
import type { Client } from '../client';
import { useSignal } from '../hooks';
import { Icon } from '../icon';
import { tabId, Tabs } from '../widgets/Tabs';
import { Browser } from './Browser';
import { FilesModel } from './FilesModel';
import { NameDialog } from './NameDialog';
import { parentOf } from './paths';
import { SharesView } from './SharesView';
import { StorageBar } from './StorageBar';
import { TrashView } from './TrashView';
import { Trays } from './Trays';

type Part = 'files' | 'trash' | 'links';
const PARTS: readonly { id: Part; title: string; operation: string }[] = [
  { id: 'files', title: 'Files', operation: 'file.list' },
  { id: 'trash', title: 'Trash', operation: 'trash.list' },
  { id: 'links', title: 'Links', operation: 'share.list' }
];

export interface FilesProps {
  actions: Actions;
  client: Client;
  group: string;
  /** The folder to show; where it is not given, the view remembers it itself. */
  path?: string;
  onPath?: (path: string) => void;
  /** A file whose details are to be shown. */
  entry?: string;
  /** The folder that is not left, and its title: for what has a page of its own. */
  root?: { path: string; title: string };
  /** In a narrow panel: names and sizes only, details open elsewhere. */
  compact?: boolean;
}

/** A group's shared files: to be keyed by the group. */
export function FilesView(props: FilesProps): JSX.Element {
  const { actions, client, group, compact } = props;
  const [model, setModel] = React.useState<FilesModel | null>(null);
  React.useEffect(() => {
    const made = new FilesModel(actions, client, group);
    setModel(made);
    return () => made.dispose();
  }, [actions, client, group]);
  return (
    <div className={`clg-files${compact ? ' clg-files-compact' : ''}`} data-testid="collegium-files">
      {model && <Loaded {...props} model={model} />}
    </div>
  );
}

function Loaded(props: FilesProps & { model: FilesModel }): JSX.Element {
  const { model, compact, group } = props;
  useSignal(model.changed);
  const [part, setPart] = React.useState<Part>('files');
  const [own, setOwn] = React.useState(props.entry ? parentOf(props.entry) : (props.root?.path ?? ''));
  const path = props.path ?? own;
  const onPath = props.onPath ?? setOwn;
  React.useEffect(() => void model.start(path), [model, path]);
  const parts = PARTS.filter(({ operation }) => !model.denied(operation));
  const tabbed = !compact && !props.root;
  const id = `clg-files-${group}`;
  return (
    <>
      {tabbed && (
        <>
          <StorageBar storage={model.storage} />
          <Tabs
            id={id}
            label="Shared files"
            tabs={parts}
            chosen={part}
            testid="collegium-files-tab"
            onTab={one => {
              model.dismiss();
              setPart(one);
            }}
          />
        </>
      )}
      <Said model={model} />
      <div
        className="clg-files-panel"
        {...(tabbed && { role: 'tabpanel', id: `${id}-panel`, 'aria-labelledby': tabId(id, part) })}
      >
        {part === 'files' && <Browser {...props} path={path} onPath={onPath} />}
        {part === 'trash' && <TrashView model={model} />}
        {part === 'links' && <SharesView model={model} />}
      </div>
      <Trays model={model} />
      {compact && <StorageBar storage={model.storage} />}
      {model.question && <NameDialog question={model.question} />}
    </>
  );
}

/** What was done, with a way back; and what went wrong. */
function Said({ model }: { model: FilesModel }): JSX.Element {
  const { note, problem } = model;
  return (
    <>
      <div role="status" aria-live="polite">
        {note && (
          <p className="clg-note clg-files-note" data-testid="collegium-files-note">
            <span>{note.text}</span>
            {note.undo && (
              <button
                type="button"
                className="clg-link"
                data-testid="collegium-files-undo"
                onClick={() => void note.undo!()}
              >
                Undo
              </button>
            )}
            <span className="clg-spacer" />
            <button
              type="button"
              className="clg-icon-button"
              aria-label="Close the note"
              onClick={() => model.dismiss()}
            >
              <Icon name="close" />
            </button>
          </p>
        )}
      </div>
      {problem !== null && (
        <div className="clg-files-problem">
          <Problem of={problem} />
          <button
            type="button"
            className="clg-icon-button"
            aria-label="Close the message"
            onClick={() => model.dismiss()}
          >
            <Icon name="close" />
          </button>
        </div>
      )}
    </>
  );
}
