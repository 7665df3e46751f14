import * as React from 'react';

import { bytes, dateTime } from '../format';
import { bringsFiles } from './uploads/drop';
import type { FilesModel } from './FilesModel';
import { FileIcon } from './icons';
import { sortOf, WORDS } from './kinds';
import { badName, misplaced, parentOf } from './paths';
import type { Entry } from './wire';

export interface RowEvents {
  onPick: (index: number, event: React.MouseEvent) => void;
  onToggle: (index: number, event: React.MouseEvent) => void;
  onOpen: (entry: Entry) => void;
  onDropFiles: (transfer: DataTransfer, folder: string) => void;
  onRenamed: (name: string | null) => Promise<void>;
}

interface Props extends RowEvents {
  model: FilesModel;
  entry: Entry;
  index: number;
  top: number;
  height: number;
  active: boolean;
  chosen: boolean;
  renaming: boolean;
  shown: boolean;
}

/** What is dragged inside the page says so by this type; its paths are known to the model. */
export const OWN_DRAG = 'application/x-collegium-files';

export const FileRow = React.memo(Row);

function Row(props: Props): JSX.Element {
  const { model, entry, index, chosen } = props;
  const [over, setOver] = React.useState(false);
  const folder = entry.kind === 'folder';
  const word = WORDS[sortOf(entry)];
  const accepts = (event: React.DragEvent) =>
    folder &&
    (bringsFiles(event.dataTransfer) ||
      (event.dataTransfer.types.includes(OWN_DRAG) && !misplaced(model.dragged, entry.path)));
  const onDragOver = (event: React.DragEvent) => {
    if (accepts(event)) {
      event.preventDefault();
      event.stopPropagation();
      event.dataTransfer.dropEffect = bringsFiles(event.dataTransfer) || event.ctrlKey ? 'copy' : 'move';
      setOver(true);
    }
  };
  const onDrop = (event: React.DragEvent) => {
    setOver(false);
    if (accepts(event)) {
      event.preventDefault();
      event.stopPropagation();
      if (bringsFiles(event.dataTransfer)) {
        props.onDropFiles(event.dataTransfer, entry.path);
      } else {
        void model.transfer(event.ctrlKey ? 'copy' : 'move', model.dragged, entry.path);
      }
    }
  };
  const onDragStart = (event: React.DragEvent) => {
    if (!chosen) {
      model.list.choose([entry.path]);
    }
    model.dragged = model.list.chosen.map(e => e.path);
    event.dataTransfer.setData(OWN_DRAG, '');
    event.dataTransfer.effectAllowed = 'copyMove';
  };
  return (
    <div
      role="row"
      className={`clg-file-row${over ? ' clg-drop-here' : ''}`}
      data-index={index}
      data-path={entry.path}
      data-kind={entry.kind}
      data-testid="collegium-file-row"
      data-shown={props.shown}
      aria-rowindex={index + 2}
      aria-selected={chosen}
      tabIndex={props.active ? 0 : -1}
      style={{ top: props.top, height: props.height }}
      draggable={!props.renaming}
      onClick={event => props.onPick(index, event)}
      onDoubleClick={() => props.onOpen(entry)}
      onDragStart={onDragStart}
      onDragEnd={() => (model.dragged = [])}
      onDragOver={onDragOver}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      <span role="gridcell" className="clg-file-check">
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Choose ${entry.name}`}
          checked={chosen}
          onChange={() => undefined}
          onClick={event => props.onToggle(index, event)}
        />
      </span>
      <span role="gridcell" className="clg-file-name">
        <FileIcon name={sortOf(entry)} />
        {props.renaming ? (
          <NameField entry={entry} onRenamed={props.onRenamed} />
        ) : (
          <button
            type="button"
            className="clg-file-open"
            tabIndex={-1}
            title={model.list.search ? entry.path : entry.name}
            aria-label={`${word} ${entry.name}`}
            onClick={event => {
              if (!event.shiftKey && !event.ctrlKey && !event.metaKey) {
                event.stopPropagation();
                props.onOpen(entry);
              }
            }}
          >
            {entry.name}
          </button>
        )}
        {model.list.search && (
          <span className="clg-hint clg-file-where">{parentOf(entry.path) || 'top folder'}</span>
        )}
      </span>
      <span role="gridcell" className="clg-file-size">
        {folder ? '' : bytes(entry.size)}
      </span>
      <span role="gridcell" className="clg-file-time">
        {entry.modified_at && <time dateTime={entry.modified_at}>{dateTime(entry.modified_at)}</time>}
      </span>
    </div>
  );
}

/** Enter keeps the new name, Escape the old one. */
function NameField(props: { entry: Entry; onRenamed: RowEvents['onRenamed'] }): JSX.Element {
  const { entry, onRenamed } = props;
  const [name, setName] = React.useState(entry.name);
  const [problem, setProblem] = React.useState('');
  const field = React.useRef<HTMLInputElement>(null);
  const busy = React.useRef(false);
  React.useEffect(() => {
    const dot = entry.kind === 'file' ? entry.name.lastIndexOf('.') : -1;
    field.current?.focus();
    field.current?.setSelectionRange(0, dot > 0 ? dot : entry.name.length);
  }, [entry]);
  const keep = async () => {
    const wrong = badName(name);
    if (busy.current || wrong) {
      setProblem(wrong);
      return;
    }
    busy.current = true;
    try {
      await onRenamed(name);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      field.current?.focus();
    }
    busy.current = false;
  };
  return (
    <span className="clg-rename">
      <input
        ref={field}
        className="clg-input"
        aria-label={`New name of ${entry.name}`}
        aria-invalid={problem ? true : undefined}
        data-testid="collegium-file-rename"
        value={name}
        onChange={event => {
          setName(event.target.value);
          setProblem('');
        }}
        onClick={event => event.stopPropagation()}
        onDoubleClick={event => event.stopPropagation()}
        onBlur={() => void (problem || name === entry.name ? onRenamed(null) : keep())}
        onKeyDown={event => {
          event.stopPropagation();
          if (event.key === 'Enter') {
            void keep();
          } else if (event.key === 'Escape') {
            void onRenamed(null);
          }
        }}
      />
      {problem && (
        <span className="clg-error clg-rename-problem" role="alert">
          {problem}
        </span>
      )}
    </span>
  );
}
