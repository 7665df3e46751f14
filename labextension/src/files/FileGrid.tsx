import * as React from 'react';

import { Icon } from '../icon';
import { useVirtual } from '../virtual';
import type { Sort } from './FileList';
import { FileRow, type RowEvents } from './FileRow';
import type { FilesModel } from './FilesModel';
import type { Entry } from './wire';

/** Rows that Page Up and Page Down go. */
const LEAP = 12;

const COLUMNS: readonly { sort: Sort; title: string; cell: string }[] = [
  { sort: 'name', title: 'Name', cell: 'clg-file-name' },
  { sort: 'size', title: 'Size', cell: 'clg-file-size' },
  { sort: 'modified', title: 'Modified', cell: 'clg-file-time' }
];

interface Props {
  model: FilesModel;
  height: number;
  renaming: string | null;
  /** Path of the one whose details are shown. */
  shown: string;
  onOpen: (entry: Entry) => void;
  onUp: () => void;
  onRename: (path: string | null) => void;
  onRemove: () => void;
  onDropFiles: RowEvents['onDropFiles'];
}

/** A folder's list: whatever its length, only what can be seen is drawn; keys and mouse do what file managers do. */
export function FileGrid(props: Props): JSX.Element {
  const { model, height } = props;
  const { list } = model;
  const { items, selection } = list;
  const view = useVirtual(items.length, height);
  const { list: node, start, end, reveal } = view;
  const wanted = React.useRef(-1);
  const at = Math.min(selection.at, items.length - 1);
  React.useEffect(() => list.look({ start, end }), [list, start, end, items.length]);
  React.useLayoutEffect(() => {
    if (wanted.current >= 0) {
      node.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"]`)?.focus();
      wanted.current = -1;
    }
  });
  const focus = (index: number) => {
    wanted.current = index;
    reveal(index);
  };
  const events = useEvents(props, focus);
  const move = (to: number, shift: boolean) => {
    list.move(to, shift);
    focus(list.selection.at);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const onRow = (event.target as HTMLElement).getAttribute('role') === 'row';
    const command = event.ctrlKey || event.metaKey;
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + LEAP,
      PageUp: at - LEAP,
      Home: 0,
      End: items.length - 1
    };
    if ((event.key === 'ArrowUp' && event.altKey) || (event.key === 'Backspace' && onRow)) {
      props.onUp();
    } else if (event.key in steps && items.length > 0) {
      move(steps[event.key], event.shiftKey);
    } else if (event.key === 'a' && command) {
      list.chooseAll(true);
    } else if (event.key === 'Escape' && selection.chosen.size > 0) {
      list.chooseAll(false);
    } else if (onRow && event.key === 'Enter') {
      props.onOpen(items[at]);
    } else if (onRow && event.key === ' ') {
      list.toggle(at);
    } else if (onRow && event.key === 'F2' && !model.locked) {
      props.onRename(items[at].path);
    } else if (onRow && event.key === 'Delete' && !model.locked && !model.denied('file.delete')) {
      if (!selection.chosen.has(items[at].path)) {
        list.choose([items[at].path]);
      }
      props.onRemove();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  // The row with the focus stays drawn when it is scrolled out of view, or the keyboard would lose its place.
  const drawn = items.slice(start, end).map((_, i) => start + i);
  if (at >= 0 && (at < start || at >= end)) {
    drawn.push(at);
  }
  return (
    <div
      role="grid"
      className="clg-file-grid"
      data-testid="collegium-file-grid"
      aria-label={list.search ? `Found for ${list.search}` : `Files in ${list.path || 'the top folder'}`}
      aria-multiselectable="true"
      aria-rowcount={list.cursor ? -1 : items.length + 1}
      aria-busy={!list.loaded || list.busy}
      onKeyDown={onKeyDown}
      // Keys act on the row that has the focus, however it got there.
      onFocus={event => {
        const row = event.target.closest<HTMLElement>('[data-index]');
        if (row) {
          list.reached(Number(row.dataset.index));
        }
      }}
    >
      <Head model={model} />
      <div
        ref={node}
        role="rowgroup"
        className="clg-file-rows"
        data-above={70}
        style={{ height: items.length * height }}
      >
        {drawn.map(index => {
          const entry = items[index];
          return (
            <FileRow
              key={entry.path}
              model={model}
              entry={entry}
              index={index}
              top={index * height}
              height={height}
              active={index === at}
              chosen={selection.chosen.has(entry.path)}
              renaming={props.renaming === entry.path}
              shown={props.shown === entry.path}
              {...events}
            />
          );
        })}
      </div>
    </div>
  );
}

/** Kept for good, so that a row is only drawn again when something of it has changed; what they do is the newest. */
function useEvents(props: Props, focus: (index: number) => void): RowEvents {
  const latest = React.useRef({ props, focus });
  latest.current = { props, focus };
  return React.useMemo(() => {
    const list = () => latest.current.props.model.list;
    return {
      onPick: (index, event) =>
        list().click(index, { shift: event.shiftKey, add: event.ctrlKey || event.metaKey }),
      onToggle: (index, event) => {
        event.stopPropagation();
        list().click(index, { shift: event.shiftKey, add: true });
      },
      onOpen: entry => latest.current.props.onOpen(entry),
      onDropFiles: (transfer, folder) => latest.current.props.onDropFiles(transfer, folder),
      onRenamed: async name => {
        const { model, renaming, onRename } = latest.current.props;
        const entry = model.list.items.find(e => e.path === renaming);
        if (name !== null && entry) {
          await model.rename(entry, name);
        }
        onRename(null);
        latest.current.focus(model.list.selection.at);
      }
    };
  }, []);
}

function Head({ model }: { model: FilesModel }): JSX.Element {
  const { list } = model;
  const { chosen } = list.selection;
  const all = list.items.length > 0 && chosen.size === list.items.length;
  const box = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    if (box.current) {
      box.current.indeterminate = chosen.size > 0 && !all;
    }
  });
  return (
    <div role="rowgroup" className="clg-file-head-group">
      <div role="row" className="clg-file-head" aria-rowindex={1}>
        <span role="columnheader" className="clg-file-check">
          <input
            ref={box}
            type="checkbox"
            aria-label="Choose all that are loaded"
            checked={all}
            onChange={() => list.chooseAll(!all)}
          />
        </span>
        {COLUMNS.map(({ sort, title, cell }) => {
          const ours = list.sort === sort && !list.search;
          return (
            <span
              key={sort}
              role="columnheader"
              className={cell}
              aria-sort={ours ? (list.descending ? 'descending' : 'ascending') : undefined}
            >
              <button
                type="button"
                className="clg-sort"
                data-testid={`collegium-sort-${sort}`}
                disabled={!!list.search}
                title={
                  list.search
                    ? 'What was found is in the order of its paths'
                    : `Order by ${title.toLowerCase()}`
                }
                onClick={() => void list.order(sort)}
              >
                {title}
                {ours && (
                  <span className={list.descending ? '' : 'clg-sort-up'}>
                    <Icon name="down" />
                  </span>
                )}
              </button>
            </span>
          );
        })}
      </div>
    </div>
  );
}
