import * as React from 'react';

import { useAction, usePages } from '../accounts/load';
import { Badge, Confirmed, Listed, More, Problem, Table, Time } from '../accounts/parts';
import { ApiError } from '../client';
import type { VersionOut } from '../api';
import { errorAt, serverErrors } from '../errors';
import { Field } from '../widgets/Field';
import type { DatasetProps } from './DatasetView';
import { useAgain, useDatasetNews } from './news';
import { InTheWay } from './parts';
import { hasVersions } from './sources';
import { VersionPart } from './VersionPart';
import { amount, VERSION_TONE } from './words';

/** Snapshots that never change. */
export function VersionsTab(props: DatasetProps & { onFiles: (number: number) => void }): JSX.Element {
  const { actions, client, group, dataset } = props;
  const { name } = dataset;
  const page = usePages(`versions/${group}/${name}`, cursor => client.datasetVersions(group, name, cursor));
  useDatasetNews(actions, page.reload);
  useAgain(!!page.items?.some(v => v.state === 'Making' || v.state === 'Deleting'), page.reload);
  const [open, setOpen] = React.useState<number | null>(null);
  const remove = useAction();
  const changed = () => {
    page.reload();
    props.reload();
  };
  if (!hasVersions(dataset.kind)) {
    return (
      <p className="clg-empty">
        What is in a dataset of this kind is not kept here, so there are no versions of it.
      </p>
    );
  }
  const ready = page.items?.find(v => v.number === open && v.state === 'Ready');
  return (
    <div data-testid="collegium-versions">
      {dataset.mine && <NewVersion {...props} onMade={changed} />}
      <InTheWay of={remove.problem} actions={actions} />
      <Listed
        items={page.items}
        problem={page.problem}
        retry={page.reload}
        empty={
          dataset.mine
            ? 'No version yet. A version keeps what is in the dataset now: jobs that ask for it get these bytes, whatever happens to the files later.'
            : 'No version yet; its owner makes them.'
        }
      >
        <Table
          label="Versions"
          testid="collegium-versions-table"
          columns={['Version', 'State', 'Note', 'Holds', 'Made', '']}
        >
          {page.items?.map(version => (
            <Row
              key={version.number}
              version={version}
              open={open === version.number}
              may={dataset.mine && !actions.session.denied('dataset.delete')}
              busy={remove.busy}
              onOpen={() => setOpen(open === version.number ? null : version.number)}
              onFiles={() => props.onFiles(version.number)}
              onDelete={() =>
                void remove.run(() => client.deleteVersion(group, name, version.number)).then(changed)
              }
            />
          ))}
        </Table>
        <More more={page.more} busy={page.busy} />
      </Listed>
      {ready && <VersionPart key={ready.number} {...props} version={ready} />}
    </div>
  );
}

function Row(props: {
  version: VersionOut;
  open: boolean;
  may: boolean;
  busy: boolean;
  onOpen: () => void;
  onFiles: () => void;
  onDelete: () => void;
}): JSX.Element {
  const { version } = props;
  const { number, state } = version;
  const ready = state === 'Ready';
  return (
    <tr data-testid="collegium-version-row" data-version={number} data-state={state}>
      <td className="clg-number">
        <strong>@{number}</strong>
      </td>
      <td>
        <span aria-live="polite">
          <Badge word={state} tone={VERSION_TONE[state]} />
        </span>
        {version.message && (
          <p className={state === 'Failed' ? 'clg-error' : 'clg-hint'}>{version.message}</p>
        )}
      </td>
      <td>
        {version.note || <span className="clg-hint">–</span>}
        {version.revision && (
          <div className="clg-hint clg-path" title={version.revision}>
            {version.revision.slice(0, 12)}
          </div>
        )}
      </td>
      <td className="clg-number">{ready ? amount(version) : '–'}</td>
      <td>
        <Time at={version.created_at} />
        <div className="clg-hint">by {version.created_by}</div>
      </td>
      <td className="clg-cell-actions">
        {ready && (
          <>
            <button
              type="button"
              className="clg-link"
              aria-expanded={props.open}
              aria-label={`What is in version ${number}`}
              data-testid="collegium-version-open"
              onClick={props.onOpen}
            >
              {props.open ? 'Close' : 'What is in it'}
            </button>
            <button
              type="button"
              className="clg-link"
              aria-label={`Files of version ${number}`}
              onClick={props.onFiles}
            >
              Files
            </button>
          </>
        )}
        {props.may && (state === 'Ready' || state === 'Failed') && (
          <Confirmed
            label="Delete"
            className="clg-link"
            testid="collegium-version-delete"
            of={`version ${number}`}
            question={`Delete version ${number}? Jobs that ask for it later fail; its number is not given again.`}
            action="Delete it"
            danger
            disabled={props.busy}
            onConfirm={props.onDelete}
          />
        )}
      </td>
    </tr>
  );
}

/** Of what is there now; of git, of the branch, tag or commit that is named. */
function NewVersion(props: DatasetProps & { onMade: () => void }): JSX.Element {
  const { actions, client, group, dataset } = props;
  const [note, setNote] = React.useState('');
  const [revision, setRevision] = React.useState('');
  const make = useAction();
  const git = dataset.kind === 'git';
  const denied = actions.session.denied('dataset.version');
  const errors =
    make.problem instanceof ApiError ? serverErrors(make.problem.message, make.problem.details) : {};
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const done = await make.run(() =>
      client.makeVersion(group, dataset.name, {
        note: note.trim(),
        ...(git && revision.trim() ? { revision: revision.trim() } : {})
      })
    );
    if (done) {
      setNote('');
      setRevision('');
      props.onMade();
    }
  };
  return (
    <form className="clg-new-version" onSubmit={event => void submit(event)}>
      <Field id="clg-version-note" title="Note" error={errorAt(errors, 'note')}>
        {aria => (
          <input
            {...aria}
            className="clg-input"
            maxLength={500}
            autoComplete="off"
            placeholder="What is new in this version"
            data-testid="collegium-version-note"
            value={note}
            onChange={e => setNote(e.target.value)}
          />
        )}
      </Field>
      {git && (
        <Field id="clg-version-revision" title="Branch, tag or commit" error={errorAt(errors, 'revision')}>
          {aria => (
            <input
              {...aria}
              className="clg-input clg-code"
              maxLength={250}
              autoComplete="off"
              placeholder={dataset.source?.revision || 'default branch'}
              data-testid="collegium-version-revision"
              value={revision}
              onChange={e => setRevision(e.target.value)}
            />
          )}
        </Field>
      )}
      <button
        type="submit"
        className="clg-button clg-primary"
        data-testid="collegium-version-make"
        disabled={make.busy || !!denied}
        title={denied || undefined}
      >
        Make a version
      </button>
      {!errors.note && !errors.revision && <Problem of={make.problem} />}
    </form>
  );
}
