import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { Problem } from '../accounts/parts';
import type { AccessMode, GroupRef } from '../api';
import { ApiError, type Client } from '../client';
import {
  emptyDataset,
  hasPlace,
  toPlatformDataset,
  type DatasetDraft,
  type GrantDraft
} from '../datasets/draft';
import { AboutFields, KindChoices, NameField, SourceFields } from '../datasets/Fields';
import { AccessSelect } from '../datasets/Grants';
import { KINDS, onlyRead } from '../datasets/sources';
import { errorAt, serverErrors, type FieldErrors } from '../errors';
import { Field } from '../widgets/Field';
import { showInvalid } from '../widgets/focus';

const ID = 'clg-define';

/** A dataset of the platform's own, of any kind. */
export function PlatformDatasetForm({ client, groups }: { client: Client; groups: GroupRef[] }): JSX.Element {
  const [draft, setDraft] = React.useState(() => emptyDataset({ kind: 'nfs' }));
  const [everyone, setEveryone] = React.useState<AccessMode | ''>('');
  const [grants, setGrants] = React.useState<GrantDraft[]>([]);
  const [own, setOwn] = React.useState<FieldErrors>({});
  const secrets = useLoad('platform-secrets', () => client.platformSecrets());
  const make = useAction();
  const form = React.useRef<HTMLFormElement>(null);
  const told =
    make.problem instanceof ApiError ? serverErrors(make.problem.message, make.problem.details) : {};
  const errors = { ...told, ...own };
  const set = (change: Partial<DatasetDraft>) => {
    setOwn({});
    setDraft({ ...draft, ...change });
  };
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const read = onlyRead(draft.kind);
    const { body, errors: wrong } = toPlatformDataset(
      draft,
      everyone && read ? 'ro' : everyone,
      read ? grants.map(g => ({ ...g, access: 'ro' as const })) : grants
    );
    setOwn(wrong);
    if (Object.keys(wrong).length > 0) {
      showInvalid(form);
      return;
    }
    const done = await make.run(async () => {
      const made = await client.defineDataset(body);
      window.location.hash = `#/datasets/${encodeURIComponent(made.name)}`;
    });
    if (!done) {
      showInvalid(form);
    }
  };
  return (
    <form
      ref={form}
      className="clg-form"
      data-testid="collegium-define-form"
      noValidate
      onSubmit={event => void submit(event)}
    >
      <KindChoices id={ID} kinds={KINDS} value={draft.kind} onChange={kind => set({ kind })} />
      <NameField
        id={ID}
        value={draft.name}
        error={errorAt(errors, 'name')}
        onChange={name => set({ name })}
      />
      <SourceFields
        id={ID}
        kind={draft.kind}
        source={draft.source}
        variables={draft.variables}
        errors={errors}
        secrets={secrets.value?.items ?? null}
        onChange={source => set({ source })}
        onVariables={variables => set({ variables })}
      />
      <AboutFields id={ID} about={draft} errors={errors} titleHint={draft.name} onChange={set} />
      <Who
        groups={groups}
        read={onlyRead(draft.kind)}
        everyone={everyone}
        grants={grants}
        error={errorAt(errors, 'grants', true)}
        onEveryone={setEveryone}
        onGrants={setGrants}
      />
      {!hasPlace(errors) && <Problem of={make.problem} />}
      <div className="clg-actions clg-form-actions">
        <button
          type="submit"
          className="clg-button clg-primary"
          data-testid="collegium-define-make"
          disabled={make.busy}
        >
          {make.busy ? 'Making …' : 'Make the dataset'}
        </button>
        <a className="clg-button" href="#/datasets">
          Close
        </a>
      </div>
    </form>
  );
}

/** Every group, or some. */
function Who(props: {
  groups: GroupRef[];
  read: boolean;
  everyone: AccessMode | '';
  grants: GrantDraft[];
  error: string;
  onEveryone: (access: AccessMode | '') => void;
  onGrants: (grants: GrantDraft[]) => void;
}): JSX.Element {
  const { groups, read, everyone, grants, onGrants } = props;
  const toggle = (group: string) => {
    const without = grants.filter(g => g.group !== group);
    onGrants(without.length < grants.length ? without : [...grants, { group, access: 'ro' }]);
  };
  return (
    <fieldset className="clg-parameters clg-worded">
      <legend>Who has it</legend>
      <Field id={`${ID}-everyone`} title="Every group">
        {aria => (
          <select
            {...aria}
            className="clg-select"
            data-testid="collegium-define-everyone"
            value={everyone}
            onChange={e => props.onEveryone(e.target.value as AccessMode | '')}
          >
            <option value="">no, only those below</option>
            <option value="ro">read only</option>
            {!read && <option value="rw">read and write</option>}
          </select>
        )}
      </Field>
      <ul className="clg-plain-list" aria-label="Groups">
        {groups.map(({ name, display_name }) => {
          const grant = grants.find(g => g.group === name);
          return (
            <li key={name} className="clg-choose-line">
              <label className="clg-check">
                <input
                  type="checkbox"
                  checked={!!grant}
                  data-testid={`collegium-define-group-${name}`}
                  onChange={() => toggle(name)}
                />
                {display_name || name}
              </label>
              {grant && !read && (
                <AccessSelect
                  label={`Access of ${name}`}
                  value={grant.access}
                  onChange={access => onGrants(grants.map(g => (g.group === name ? { ...g, access } : g)))}
                />
              )}
            </li>
          );
        })}
      </ul>
      {props.error && <p className="clg-error">{props.error}</p>}
    </fieldset>
  );
}
