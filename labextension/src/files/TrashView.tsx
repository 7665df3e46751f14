import * as React from 'react';

import { useAction, usePages } from '../accounts/load';
import { Confirmed, Listed, More, Problem, Table, Time } from '../accounts/parts';
import { bytes } from '../format';
import type { FilesModel } from './FilesModel';
import { FileIcon } from './icons';
import { counted } from './kinds';
import { parentOf } from './paths';

/** What was deleted and is kept for a while. */
export function TrashView({ model }: { model: FilesModel }): JSX.Element {
  const { client, group } = model;
  const { items, problem, more, busy, reload } = usePages(`trash/${group}`, cursor =>
    client.trash(group, cursor)
  );
  const action = useAction();
  const [said, say] = React.useState('');
  const denied = { restore: model.denied('trash.restore'), purge: model.denied('trash.purge') };
  const act = async (work: () => Promise<unknown>, done: string) => {
    say('');
    if (await action.run(work)) {
      say(done);
    }
    reload();
    void model.settle();
  };
  return (
    <section aria-label="Trash" data-testid="collegium-trash">
      <div className="clg-bar">
        <p className="clg-hint">Deleted files count as stored until they are gone for good.</p>
        <span className="clg-spacer" />
        {items && items.length > 0 && !denied.purge && (
          <Confirmed
            label="Empty the trash"
            testid="collegium-trash-empty"
            question="Delete everything in the trash that you may delete? It cannot be brought back."
            action="Delete for good"
            danger
            disabled={action.busy}
            onConfirm={() => void act(() => client.emptyTrash(group), 'The trash is emptied.')}
          />
        )}
      </div>
      <Problem of={action.problem} />
      <p role="status" className="clg-hint">
        {action.busy ? 'Working …' : said}
      </p>
      <Listed items={items} problem={problem} retry={reload} empty="Nothing is in the trash.">
        <Table label="Trash" columns={['Name', 'Was in', 'Size', 'Deleted', 'Gone for good', '']}>
          {items?.map(one => (
            <tr key={one.id} data-trashed={one.path}>
              <td>
                <FileIcon name={one.kind === 'folder' ? 'folder' : 'file'} /> {one.name}
              </td>
              <td className="clg-path">
                {parentOf(one.path) || <span className="clg-hint">top folder</span>}
              </td>
              <td>
                {bytes(one.size)}
                {one.kind === 'folder' && <div className="clg-hint">{counted(one.files, 'file')}</div>}
              </td>
              <td>
                <Time at={one.deleted_at} />
                <div className="clg-hint">by {one.deleted_by}</div>
              </td>
              <td>
                <Time at={one.expires_at} />
              </td>
              <td className="clg-cell-actions">
                <button
                  type="button"
                  className="clg-link"
                  data-testid="collegium-trash-restore"
                  aria-label={`Restore ${one.name}`}
                  disabled={action.busy || !!denied.restore}
                  title={denied.restore || undefined}
                  onClick={() => void act(() => model.restore(one), `${one.name} is back.`)}
                >
                  Restore
                </button>
                <Confirmed
                  label="Delete for good"
                  className="clg-link"
                  testid="collegium-trash-drop"
                  of={one.name}
                  question={`Delete ${one.name} for good? It cannot be brought back.`}
                  danger
                  disabled={action.busy}
                  reason={denied.purge}
                  onConfirm={() =>
                    void act(() => client.dropTrashed(group, one.id), `${one.name} is gone for good.`)
                  }
                />
              </td>
            </tr>
          ))}
        </Table>
        <More more={more} busy={busy} />
      </Listed>
    </section>
  );
}
