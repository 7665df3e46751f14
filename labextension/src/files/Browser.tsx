import * as React from 'react';

import { Problem, Search } from '../accounts/parts';
import { Crumbs } from './Crumbs';
import { Details } from './Details';
import { FileGrid } from './FileGrid';
import type { FilesModel } from './FilesModel';
import type { FilesProps } from './FilesView';
import { FolderPicker } from './FolderPicker';
import { FileIcon } from './icons';
import { opensInLab } from './kinds';
import { DATASETS, parentOf } from './paths';
import { usePlace } from './place';
import { ShareDialog } from './ShareDialog';
import { NewFolderField, Toolbar, type Asked } from './Toolbar';
import { UnpackDialog } from './UnpackDialog';
import { bringsFiles, entriesOf, walk } from './uploads/drop';
import type { Entry } from './wire';

const ROW = { wide: 36, compact: 30 };

/** The list of a folder, with all that can be done there. */
export function Browser(
  props: FilesProps & { model: FilesModel; path: string; onPath: (path: string) => void }
): JSX.Element {
  const { model, path, onPath, compact, group } = props;
  const { list } = model;
  const { host } = model.actions;
  const [shown, setShown] = React.useState(props.entry ?? '');
  const [renaming, setRenaming] = React.useState<string | null>(null);
  const [asked, setAsked] = React.useState<Asked | null>(null);
  const [over, setOver] = React.useState(false);
  // What was renamed, moved or deleted is no longer what the details are of.
  const { items, loaded, cursor, search } = list;
  React.useEffect(() => {
    if (loaded && !cursor && !search && !items.some(e => e.path === shown)) {
      setShown('');
    }
  }, [items, loaded, cursor, search, shown]);
  const root = React.useRef<HTMLDivElement>(null);
  const place = usePlace(
    () =>
      root.current?.querySelector<HTMLElement>('[role="row"][tabindex="0"]') ??
      (loaded ? root.current?.querySelector<HTMLElement>('.clg-files-bar button:enabled') : null)
  );
  const closeDetails = () => {
    root.current?.querySelector<HTMLElement>(`[role="row"][data-path="${CSS.escape(shown)}"]`)?.focus();
    setShown('');
  };
  const go = (to: string) => {
    setShown('');
    setRenaming(null);
    onPath(to);
  };
  const onOpen = (entry: Entry) => {
    if (entry.kind === 'folder') {
      go(entry.path);
    } else if (compact && host.openFile && opensInLab(entry)) {
      void model.attempt(() => host.openFile!(group, entry.path));
    } else {
      showDetails(props, entry, setShown);
    }
  };
  const put = (transfer: DataTransfer, folder: string) =>
    model.queue.add(group, folder, walk(entriesOf(transfer)));
  const remove = () => void model.remove(list.chosen);
  const locked = model.locked || model.denied('file.upload');
  return (
    <div
      ref={root}
      {...place}
      className={`clg-browser${over ? ' clg-drop-here' : ''}`}
      data-testid="collegium-file-drop"
      onDragOver={event => {
        if (bringsFiles(event.dataTransfer)) {
          event.preventDefault();
          event.stopPropagation();
          event.dataTransfer.dropEffect = locked ? 'none' : 'copy';
          setOver(!locked);
        }
      }}
      onDragLeave={event => !event.currentTarget.contains(event.relatedTarget as Node) && setOver(false)}
      onDrop={event => {
        setOver(false);
        if (bringsFiles(event.dataTransfer)) {
          event.preventDefault();
          event.stopPropagation();
          if (!locked) {
            put(event.dataTransfer, path);
          }
        }
      }}
    >
      <Toolbar
        model={model}
        path={path}
        onAsk={setAsked}
        onRename={() => setRenaming(list.chosen[0].path)}
        onRemove={remove}
        onDetails={() => showDetails(props, list.chosen[0], setShown)}
      />
      <div className="clg-browser-where">
        <Crumbs model={model} top={group} root={props.root} path={path} onGo={go} />
        {path === '' && !list.search && (
          <button type="button" className="clg-link clg-datasets-link" onClick={() => go(DATASETS)}>
            <FileIcon name="dataset" /> Datasets
          </button>
        )}
        <Search
          label={path ? 'Search in this folder' : 'Search'}
          value={list.search}
          testid="collegium-file-search"
          onSearch={text => void list.find(text)}
        />
      </div>
      {list.loaded && model.locked && <p className="clg-hint clg-locked">{model.locked}</p>}
      {asked === 'new-folder' && <NewFolderField model={model} onDone={() => setAsked(null)} />}
      <Problem of={list.problem} retry={() => void list.refresh()} />
      <div className={`clg-browser-body${shown ? ' clg-with-details' : ''}`}>
        <div className="clg-browser-list">
          <FileGrid
            model={model}
            height={compact ? ROW.compact : ROW.wide}
            renaming={renaming}
            shown={shown}
            onOpen={onOpen}
            onUp={() => path && path !== props.root?.path && go(parentOf(path))}
            onRename={setRenaming}
            onRemove={remove}
            onDropFiles={put}
          />
          <Empty model={model} locked={locked} />
        </div>
        {shown && (
          <Details
            model={model}
            path={shown}
            onClose={closeDetails}
            onShare={entry => setAsked({ share: entry })}
            onUnpack={entry => setAsked({ unpack: entry })}
          />
        )}
      </div>
      <Dialogs model={model} asked={asked} onClose={() => setAsked(null)} />
    </div>
  );
}

/** Beside the list; from a narrow panel in a place of their own. */
function showDetails(props: FilesProps, entry: Entry, show: (path: string) => void): void {
  if (props.compact) {
    const { host } = props.actions;
    host.open({ what: 'files', group: props.group, path: parentOf(entry.path), entry: entry.path });
  } else {
    show(entry.path);
  }
}

function Dialogs(props: { model: FilesModel; asked: Asked | null; onClose: () => void }): JSX.Element | null {
  const { model, asked, onClose } = props;
  if (asked === 'move' || asked === 'copy') {
    const paths = model.list.chosen.map(e => e.path);
    return <FolderPicker model={model} verb={asked} paths={paths} onClose={onClose} />;
  }
  if (!asked || typeof asked === 'string') {
    return null;
  }
  return 'share' in asked ? (
    <ShareDialog model={model} entry={asked.share} onClose={onClose} />
  ) : (
    <UnpackDialog model={model} entry={asked.unpack} onClose={onClose} />
  );
}

function Empty({ model, locked }: { model: FilesModel; locked: string }): JSX.Element | null {
  const { list } = model;
  if (!list.loaded) {
    return list.problem ? null : (
      <p className="clg-empty" role="status">
        Loading …
      </p>
    );
  }
  if (list.items.length > 0) {
    return list.cursor ? (
      <p className="clg-hint clg-list-more" role="status">
        {list.busy ? 'Loading more …' : 'More comes as you scroll.'}
      </p>
    ) : null;
  }
  if (list.cursor) {
    return (
      <p className="clg-empty" role="status">
        Searching …
      </p>
    );
  }
  return (
    <div className="clg-empty clg-files-empty" data-testid="collegium-files-empty">
      <FileIcon name={list.search ? 'file' : 'folder'} />
      <p>{words(model, locked)}</p>
    </div>
  );
}

function words({ list }: FilesModel, locked: string): string {
  if (list.search) {
    return `Nothing was found for “${list.search}” in ${list.path ? `“${list.path}”` : 'the top folder'} and below.`;
  }
  if (list.path === DATASETS) {
    return 'The group has no datasets whose files can be browsed here.';
  }
  return locked
    ? 'This folder is empty.'
    : 'This folder is empty. Drop files or folders here, or press “Upload files”.';
}
