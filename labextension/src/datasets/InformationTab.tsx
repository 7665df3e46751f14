import * as React from 'react';

import { useAction } from '../accounts/load';
import { Confirmed, Problem, Time } from '../accounts/parts';
import { ApiError } from '../client';
import { counted } from '../files/kinds';
import { serverErrors, type FieldErrors } from '../errors';
import type { DatasetProps } from './DatasetView';
import { hasPlace } from './draft';
import { AboutFields } from './Fields';
import { showInvalid, useEntered } from '../widgets/focus';
import { InTheWay } from './parts';
import { SOURCES } from './sources';

/** What is told of it, where its data is, and the end of it. */
export function InformationTab(props: DatasetProps & { onGone: () => void }): JSX.Element {
  const { actions, dataset, client, group } = props;
  const { session } = actions;
  // Null until it was opened once: afterwards the focus comes back to its button.
  const [editing, setEditing] = React.useState<boolean | null>(null);
  const remove = useAction();
  const fixed = dataset.managed_by === 'file';
  const may = dataset.mine && !fixed && !session.denied('dataset.edit');
  const drop = dataset.mine && !fixed && !session.denied('dataset.delete');
  if (editing) {
    return <Editor {...props} onClose={() => setEditing(false)} />;
  }
  const { fields } = SOURCES[dataset.kind];
  const rows: [string, React.ReactNode][] = [
    ['Name', <code key="name">{dataset.name}</code>],
    ['Display name', dataset.display_name],
    ['Description', dataset.description],
    ['Tags', dataset.tags.join(', ')],
    ['Licence', dataset.licence],
    ...Object.entries(dataset.source ?? {}).map(([key, text]): [string, React.ReactNode] => [
      fields.find(f => f.name === key)?.title ?? key,
      <code key={key} className="clg-path">
        {text}
      </code>
    ]),
    ['Made', made(dataset)],
    ['Changed', <Time key="changed" at={dataset.updated_at} />]
  ];
  return (
    <>
      <table className="clg-table clg-table-facts" data-testid="collegium-dataset-information">
        <tbody>
          {rows.map(([term, text]) => (
            <tr key={term}>
              <th scope="row">{term}</th>
              <td>{text || <span className="clg-hint">–</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {fixed && <p className="clg-notice">The catalog file declares it; it is changed there.</p>}
      <InTheWay of={remove.problem} actions={actions} />
      <div className="clg-actions clg-dataset-actions">
        {may && (
          <button
            type="button"
            className="clg-button"
            autoFocus={editing === false}
            data-testid="collegium-dataset-edit"
            onClick={() => setEditing(true)}
          >
            Edit
          </button>
        )}
        {drop && (
          <Confirmed
            label="Delete the dataset"
            className="clg-button"
            testid="collegium-dataset-delete"
            question={`Delete ${dataset.name} with its ${counted(dataset.versions, 'version')}? Groups that have it lose it; what was kept here is gone for good.`}
            action="Delete it"
            danger
            disabled={remove.busy}
            onConfirm={() =>
              void remove
                .run(() => client.deleteDataset(group, dataset.name))
                .then(done => {
                  if (done) {
                    session.touch(dataset.name, 'dataset');
                    props.onGone();
                  }
                })
            }
          />
        )}
      </div>
    </>
  );
}

function made(dataset: DatasetProps['dataset']): React.ReactNode {
  return dataset.created_at ? (
    <>
      <Time at={dataset.created_at} /> by {dataset.created_by}
    </>
  ) : (
    dataset.created_by
  );
}

function Editor(props: DatasetProps & { onClose: () => void }): JSX.Element {
  const { client, group, dataset } = props;
  const [about, setAbout] = React.useState({
    title: dataset.display_name,
    description: dataset.description,
    tags: dataset.tags,
    licence: dataset.licence
  });
  const save = useAction();
  const form = React.useRef<HTMLFormElement>(null);
  useEntered(form, 'input');
  const errors: FieldErrors =
    save.problem instanceof ApiError ? serverErrors(save.problem.message, save.problem.details) : {};
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const { title, description, tags, licence } = about;
    const done = await save.run(() =>
      client.updateDataset(group, dataset.name, {
        display_name: title.trim() || dataset.name,
        description: description.trim(),
        tags,
        licence: licence.trim()
      })
    );
    if (done) {
      props.reload();
      props.onClose();
    } else {
      showInvalid(form);
    }
  };
  return (
    <form ref={form} className="clg-form clg-bare-form" noValidate onSubmit={event => void submit(event)}>
      <AboutFields
        id="clg-edit-dataset"
        about={about}
        errors={errors}
        titleHint={dataset.name}
        onChange={change => setAbout({ ...about, ...change })}
      />
      {!hasPlace(errors) && <Problem of={save.problem} />}
      <div className="clg-actions">
        <button
          type="submit"
          className="clg-button clg-primary"
          data-testid="collegium-dataset-save"
          disabled={save.busy}
        >
          Save
        </button>
        <button type="button" className="clg-button" onClick={props.onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
