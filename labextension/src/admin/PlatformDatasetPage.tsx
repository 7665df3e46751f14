import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { Badge, Confirmed, Problem, Time } from '../accounts/parts';
import type { GroupRef, PlatformDataset } from '../api';
import { ApiError, type Client } from '../client';
import { draftSource, emptyDataset, hasPlace } from '../datasets/draft';
import { AboutFields, SourceFields } from '../datasets/Fields';
import { Grants } from '../datasets/Grants';
import { useAgain } from '../datasets/news';
import { HealthBadge, InTheWay, Tags } from '../datasets/parts';
import { onlyRead, SOURCES, sourceErrors } from '../datasets/sources';
import { amount } from '../datasets/words';
import { serverErrors, type FieldErrors } from '../errors';
import { showInvalid, useEntered } from '../widgets/focus';
import { counted } from '../files/kinds';

/** One dataset, for those who run the platform. */
export function PlatformDatasetPage(props: {
  client: Client;
  name: string;
  groups: GroupRef[];
}): JSX.Element {
  const { client, name } = props;
  const { value, problem, reload } = useLoad(`any-dataset/${name}`, () => client.anyDataset(name));
  // Null until it was opened once: afterwards the focus comes back to its button.
  const [editing, setEditing] = React.useState<boolean | null>(null);
  const remove = useAction();
  // Health is looked at in the background right after a change.
  useAgain(value?.health.state === 'unknown', reload);
  const fixed = value?.managed_by === 'file' ? 'The catalog file declares it; it is changed there.' : '';
  return (
    <>
      <p>
        <a href="#/datasets">All datasets</a>
      </p>
      <Problem of={problem} retry={reload} />
      {value && (
        <div data-testid="collegium-any-dataset" data-dataset={name}>
          <Facts dataset={value} />
          {fixed && <p className="clg-notice">{fixed}</p>}
          {editing ? (
            <Editor
              client={client}
              dataset={value}
              onClose={changed => {
                setEditing(false);
                if (changed) {
                  reload();
                }
              }}
            />
          ) : (
            !fixed &&
            !value.deleting && (
              <div className="clg-bar">
                <button
                  type="button"
                  className="clg-button"
                  autoFocus={editing === false}
                  data-testid="collegium-any-edit"
                  onClick={() => setEditing(true)}
                >
                  Edit
                </button>
                <Confirmed
                  label="Delete the dataset"
                  className="clg-button"
                  testid="collegium-any-delete"
                  question={`Delete ${name}? ${kept(value)}`}
                  action="Delete it"
                  danger
                  disabled={remove.busy}
                  onConfirm={() =>
                    void remove.run(async () => {
                      await client.dropDataset(name);
                      window.location.hash = '#/datasets';
                    })
                  }
                />
              </div>
            )
          )}
          <InTheWay of={remove.problem} />
          <section className="clg-card">
            <h2>Groups that have it</h2>
            <Grants
              grants={value.grants.filter(g => g.group !== value.owner)}
              groups={props.groups.map(g => g.name).filter(g => g !== value.owner)}
              everyone
              onlyRead={onlyRead(value.kind)}
              put={(group, access) => client.grantAny(name, group, access)}
              revoke={group => client.revokeAny(name, group)}
              onChanged={reload}
            />
          </section>
        </div>
      )}
    </>
  );
}

function kept(dataset: PlatformDataset): string {
  return dataset.kind === 'managed' || dataset.versions > 0
    ? `Its files and ${counted(dataset.versions, 'version')} that are kept here are gone for good.`
    : 'What the source holds stays there.';
}

function Facts({ dataset }: { dataset: PlatformDataset }): JSX.Element {
  const { fields, title } = SOURCES[dataset.kind];
  const source = Object.entries(dataset.source).map(([key, text]): [string, React.ReactNode] => [
    fields.find(f => f.name === key)?.title ?? key,
    <code key={key} className="clg-path">
      {text}
    </code>
  ]);
  const rows: [string, React.ReactNode][] = [
    ['Name', <code key="name">{dataset.name}</code>],
    ['Display name', dataset.display_name],
    ['Description', dataset.description],
    ['Tags', dataset.tags.length > 0 && <Tags tags={dataset.tags} />],
    ['Licence', dataset.licence],
    ['Owner', dataset.owner ?? 'the platform'],
    ['Kind', title],
    ...source,
    ['Health', <HealthBadge key="health" health={dataset.health} />],
    ['Holds', amount(dataset) ?? 'not counted'],
    ['Versions', dataset.versions > 0 ? `${dataset.versions}, latest @${dataset.latest_version}` : 'none'],
    ['Used by', dataset.used_by ? `${dataset.used_by} now` : 'nothing now'],
    ['Changed', <Time key="changed" at={dataset.updated_at} />]
  ];
  return (
    <div className="clg-card">
      {dataset.deleting && <Badge word="being deleted" tone="warn" />}
      <table className="clg-table clg-table-facts">
        <tbody>
          {rows.map(([term, text]) => (
            <tr key={term}>
              <th scope="row">{term}</th>
              <td>{text || <span className="clg-hint">–</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The kind stays; a source is given whole. */
function Editor(props: {
  client: Client;
  dataset: PlatformDataset;
  onClose: (changed: boolean) => void;
}): JSX.Element {
  const { client, dataset, onClose } = props;
  const variables = dataset.kind === 'environment';
  const [draft, setDraft] = React.useState(() =>
    emptyDataset({
      ...dataset,
      title: dataset.display_name,
      source: dataset.source,
      // Their values are not told, so they are typed anew or stay.
      variables: []
    })
  );
  const [own, setOwn] = React.useState<FieldErrors>({});
  const secrets = useLoad('platform-secrets', () => client.platformSecrets());
  const save = useAction();
  const form = React.useRef<HTMLFormElement>(null);
  const heading = React.useRef<HTMLHeadingElement>(null);
  useEntered(heading);
  const told =
    save.problem instanceof ApiError ? serverErrors(save.problem.message, save.problem.details) : {};
  const errors = { ...told, ...own };
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const wrong = sourceErrors(draft.kind, draft.source);
    setOwn(wrong);
    if (Object.keys(wrong).length > 0) {
      showInvalid(form);
      return;
    }
    const source = draftSource(draft);
    const same = variables
      ? Object.keys(source).length === 0
      : JSON.stringify(source) === JSON.stringify(draftSource(emptyDataset(dataset)));
    const done = await save.run(() =>
      client.changeDataset(dataset.name, {
        display_name: draft.title.trim() || dataset.name,
        description: draft.description.trim(),
        tags: draft.tags,
        licence: draft.licence.trim(),
        ...(same ? {} : { source })
      })
    );
    if (done) {
      onClose(true);
    } else {
      showInvalid(form);
    }
  };
  return (
    <form ref={form} className="clg-form" noValidate onSubmit={event => void submit(event)}>
      <h2 ref={heading} tabIndex={-1}>
        Edit
      </h2>
      {variables && (
        <p className="clg-hint">
          Without a variable here, those that are there stay; else they are replaced.
        </p>
      )}
      <SourceFields
        id="clg-any"
        kind={draft.kind}
        source={draft.source}
        variables={draft.variables}
        errors={errors}
        secrets={secrets.value?.items ?? null}
        onChange={source => setDraft({ ...draft, source })}
        onVariables={rows => setDraft({ ...draft, variables: rows })}
      />
      <AboutFields
        id="clg-any"
        about={draft}
        errors={errors}
        titleHint={dataset.name}
        onChange={change => setDraft({ ...draft, ...change })}
      />
      {!hasPlace(errors) && <Problem of={save.problem} />}
      <div className="clg-actions">
        <button
          type="submit"
          className="clg-button clg-primary"
          data-testid="collegium-any-save"
          disabled={save.busy}
        >
          Save
        </button>
        <button type="button" className="clg-button" onClick={() => onClose(false)}>
          Cancel
        </button>
      </div>
    </form>
  );
}
