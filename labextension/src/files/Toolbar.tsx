import * as React from 'react';

import { useAction } from '../accounts/load';
import { Problem } from '../accounts/parts';
import { DatasetButtons } from '../datasets/FromFiles';
import { Icon } from '../icon';
import type { FilesModel } from './FilesModel';
import { ToolButton } from './icons';
import { isArchive, selectionWords } from './kinds';
import { badName, DATASETS, within } from './paths';
import { chosen } from './uploads/drop';
import type { Entry } from './wire';

export type Asked = 'new-folder' | 'move' | 'copy' | { share: Entry } | { unpack: Entry };

interface ToolbarProps {
  model: FilesModel;
  path: string;
  onAsk: (asked: Asked) => void;
  onRename: () => void;
  onRemove: () => void;
  onDetails: () => void;
}

/** What can be done here, and with what is chosen. */
export function Toolbar(props: ToolbarProps): JSX.Element {
  const { model, onAsk } = props;
  const picked = model.list.chosen;
  const denied = model.locked;
  if (picked.length > 0) {
    return <Chosen {...props} picked={picked} />;
  }
  return (
    <div className="clg-files-bar" role="toolbar" aria-label="Files">
      <UploadButtons {...props} />
      <ToolButton
        icon="new-folder"
        label="New folder"
        testid="collegium-new-folder"
        denied={denied}
        onClick={() => onAsk('new-folder')}
      />
      <button
        type="button"
        className="clg-icon-button"
        title="Refresh"
        aria-label="Refresh the list"
        data-testid="collegium-files-refresh"
        onClick={() => void model.refresh()}
      >
        <Icon name="refresh" />
      </button>
    </div>
  );
}

/** In the place of the others, so that nothing below jumps while one chooses. */
function Chosen(props: ToolbarProps & { picked: readonly Entry[] }): JSX.Element {
  const { model, picked, onAsk } = props;
  const denied = model.locked;
  return (
    <div
      className="clg-files-bar clg-bulk"
      role="toolbar"
      aria-label="With what is chosen"
      data-testid="collegium-files-chosen"
    >
      <button
        type="button"
        className="clg-icon-button"
        title="Choose nothing"
        aria-label="Choose nothing"
        onClick={() => model.list.chooseAll(false)}
      >
        <Icon name="close" />
      </button>
      <span className="clg-chosen-words">{selectionWords(picked)}</span>
      <ToolButton
        icon="download"
        label={picked.length === 1 && picked[0].kind === 'file' ? 'Download' : 'Download zip'}
        testid="collegium-files-download"
        denied={model.denied('file.read')}
        plain
        known
        onClick={() => void model.download(picked)}
      />
      {picked.length === 1 && (
        <>
          <ToolButton
            icon="info"
            label="Details"
            testid="collegium-files-details"
            plain
            known
            onClick={props.onDetails}
          />
          <ToolButton
            icon="share"
            label="Share"
            testid="collegium-files-share"
            denied={model.unshared(picked[0])}
            plain
            known
            onClick={() => onAsk({ share: picked[0] })}
          />
          <ToolButton
            icon="rename"
            label="Rename"
            testid="collegium-files-rename"
            denied={denied}
            plain
            onClick={props.onRename}
          />
        </>
      )}
      {picked.length === 1 && isArchive(picked[0]) && (
        <ToolButton
          icon="unpack"
          label="Unpack"
          testid="collegium-files-unpack"
          denied={denied}
          plain
          onClick={() => onAsk({ unpack: picked[0] })}
        />
      )}
      <ToolButton
        icon="move"
        label="Move"
        testid="collegium-files-move"
        denied={denied}
        plain
        onClick={() => onAsk('move')}
      />
      <ToolButton
        icon="copy"
        label="Copy"
        testid="collegium-files-copy"
        denied={model.denied('file.write')}
        plain
        onClick={() => onAsk('copy')}
      />
      {!within(props.path, DATASETS) && (
        <DatasetButtons
          actions={model.actions}
          client={model.client}
          group={model.group}
          paths={picked.map(e => e.path)}
          onTask={task => void model.finish(task)}
        />
      )}
      <ToolButton
        icon="trash"
        label="Delete"
        testid="collegium-files-delete"
        denied={denied || model.denied('file.delete')}
        plain
        onClick={props.onRemove}
      />
    </div>
  );
}

function UploadButtons({ model, path }: { model: FilesModel; path: string }): JSX.Element {
  const files = React.useRef<HTMLInputElement>(null);
  const folder = React.useRef<HTMLInputElement>(null);
  const denied = model.locked || model.denied('file.upload');
  React.useEffect(() => folder.current?.setAttribute('webkitdirectory', ''), []);
  const take = (event: React.ChangeEvent<HTMLInputElement>) => {
    model.queue.add(model.group, path, chosen(Array.from(event.target.files ?? [])));
    event.target.value = ''; // the same file may be chosen again
  };
  return (
    <>
      <input
        ref={files}
        type="file"
        multiple
        hidden
        aria-label="Files to upload"
        data-testid="collegium-upload-files"
        onChange={take}
      />
      <input
        ref={folder}
        type="file"
        multiple
        hidden
        aria-label="Folder to upload"
        data-testid="collegium-upload-folder"
        onChange={take}
      />
      <ToolButton
        icon="upload"
        label="Upload files"
        testid="collegium-upload"
        primary
        denied={denied}
        onClick={() => files.current?.click()}
      />
      <ToolButton
        icon="folder"
        label="Upload folder"
        denied={denied}
        onClick={() => folder.current?.click()}
      />
    </>
  );
}

/** The name of a folder that is to be made here. */
export function NewFolderField({ model, onDone }: { model: FilesModel; onDone: () => void }): JSX.Element {
  const [name, setName] = React.useState('');
  const make = useAction();
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const done = await make.run(async () => {
      const wrong = badName(name);
      if (wrong) {
        throw new Error(wrong);
      }
      await model.makeFolder(name);
    });
    if (done) {
      onDone();
    }
  };
  return (
    <form className="clg-new-folder" onSubmit={event => void submit(event)}>
      <div className="clg-pair">
        <input
          className="clg-input"
          autoFocus
          aria-label="Name of the new folder"
          placeholder="Name of the new folder"
          data-testid="collegium-new-folder-name"
          value={name}
          onChange={event => setName(event.target.value)}
          onKeyDown={event => event.key === 'Escape' && onDone()}
        />
        <button type="submit" className="clg-button clg-primary" disabled={make.busy}>
          Make folder
        </button>
        <button type="button" className="clg-button" onClick={onDone}>
          Cancel
        </button>
      </div>
      <Problem of={make.problem} />
    </form>
  );
}
