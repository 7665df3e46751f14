import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { Problem } from '../accounts/parts';
import type { Actions } from '../actions';
import type { DatasetDetail } from '../api';
import { ApiError, type Client } from '../client';
import { errorAt, serverErrors, type FieldErrors } from '../errors';
import { showInvalid } from '../widgets/focus';
import { allDatasets } from './all';
import { emptyDataset, hasPlace, toDataset, type DatasetDraft } from './draft';
import { AboutFields, KindChoices, NameField, SourceFields } from './Fields';
import { PathChooser } from './PathChooser';
import { GROUP_KINDS } from './sources';

const ID = 'clg-new-dataset';

/** A new dataset of the group: what it is, and where its data comes from. */
export function NewDataset(props: {
  actions: Actions;
  client: Client;
  group: string;
  draft?: Partial<DatasetDraft>;
  onMade: (made: DatasetDetail) => void;
  onClose: () => void;
}): JSX.Element {
  const { actions, client, group } = props;
  const [draft, setDraft] = React.useState(() => emptyDataset(props.draft));
  const [own, setOwn] = React.useState<FieldErrors>({});
  const secrets = useLoad(`secrets/${group}`, () => client.secrets(group));
  const create = useAction();
  const form = React.useRef<HTMLFormElement>(null);
  const told =
    create.problem instanceof ApiError ? serverErrors(create.problem.message, create.problem.details) : {};
  const errors = { ...told, ...own };
  const set = (change: Partial<DatasetDraft>) => {
    setOwn({});
    setDraft({ ...draft, ...change });
  };
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const { body, errors: wrong } = toDataset(draft);
    setOwn(wrong);
    if (Object.keys(wrong).length > 0) {
      showInvalid(form);
      return;
    }
    const done = await create.run(async () => {
      const made = await client.createDataset(group, body);
      actions.session.touch(made.name, 'dataset');
      actions.host.tell(`Dataset “${made.display_name || made.name}” was made.`);
      props.onMade(made);
    });
    if (!done) {
      showInvalid(form);
    }
  };
  const denied = actions.session.denied('dataset.create');
  return (
    <form
      ref={form}
      className="clg-form"
      data-testid="collegium-dataset-form"
      noValidate
      onSubmit={event => void submit(event)}
    >
      {denied && <p className="clg-error">{denied}</p>}
      <KindChoices id={ID} kinds={GROUP_KINDS} value={draft.kind} onChange={kind => set({ kind })} />
      <NameField
        id={ID}
        value={draft.name}
        error={errorAt(errors, 'name')}
        onChange={name => set({ name })}
      />
      <AboutFields
        id={ID}
        about={draft}
        errors={errors}
        titleHint={draft.name}
        suggest={async () => [
          ...new Set((await allDatasets(client, group)).items.flatMap(each => each.tags))
        ]}
        onChange={set}
      />
      {draft.kind === 'managed' ? (
        <Contents
          draft={draft}
          client={client}
          group={group}
          error={errorAt(errors, 'copy_from', true)}
          onChange={set}
        />
      ) : (
        <SourceFields
          id={ID}
          kind={draft.kind}
          source={draft.source}
          variables={[]}
          errors={errors}
          secrets={secrets.value?.items ?? null}
          onChange={source => set({ source })}
          onVariables={() => undefined}
        />
      )}
      {!hasPlace(errors) && <Problem of={create.problem} />}
      <div className="clg-actions clg-form-actions">
        <button
          type="submit"
          className="clg-button clg-primary"
          data-testid="collegium-dataset-make"
          disabled={create.busy || !!denied}
        >
          {create.busy ? 'Making …' : 'Make the dataset'}
        </button>
        <button type="button" className="clg-button" onClick={props.onClose}>
          Close
        </button>
      </div>
    </form>
  );
}

/** What goes into it: copies of shared files now, uploads when it is there. */
function Contents(props: {
  draft: DatasetDraft;
  client: Client;
  group: string;
  error: string;
  onChange: (change: Partial<DatasetDraft>) => void;
}): JSX.Element {
  const { draft, client, group, onChange } = props;
  const [choosing, setChoosing] = React.useState(false);
  const { copyFrom } = draft;
  return (
    <fieldset className="clg-parameters clg-worded">
      <legend>First files</legend>
      {copyFrom.length === 0 ? (
        <p className="clg-hint">
          Copy files that lie in Shared Files, or leave this empty and upload into the dataset when it is
          made.
        </p>
      ) : (
        <ul className="clg-plain-list" aria-label="To be copied" data-testid="collegium-dataset-copies">
          {copyFrom.map(path => (
            <li key={path}>
              <code className="clg-path">{path}</code>{' '}
              <button
                type="button"
                className="clg-link"
                aria-label={`Do not copy ${path}`}
                onClick={() => onChange({ copyFrom: copyFrom.filter(p => p !== path) })}
              >
                Take out
              </button>
            </li>
          ))}
        </ul>
      )}
      {props.error && <p className="clg-error">{props.error}</p>}
      <div className="clg-actions">
        <button
          type="button"
          className="clg-button clg-small"
          data-testid="collegium-dataset-choose"
          onClick={() => setChoosing(true)}
        >
          Choose from Shared Files
        </button>
      </div>
      {choosing && (
        <PathChooser
          client={client}
          group={group}
          chosen={copyFrom}
          onDone={paths => onChange({ copyFrom: paths })}
          onClose={() => setChoosing(false)}
        />
      )}
    </fieldset>
  );
}
