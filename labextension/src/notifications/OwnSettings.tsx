import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { Problem } from '../accounts/parts';
import type { GroupRef, OwnOut } from '../api';
import { ApiError, type Client } from '../client';
import { errorAt, serverErrors } from '../errors';
import { Field } from '../widgets/Field';
import { EventChoices } from './EventChoices';

/** Mail about one's own jobs, schedules and sweeps. */
export function OwnSettings(props: { client: Client; groups: readonly GroupRef[] }): JSX.Element {
  const { client } = props;
  const { value, problem, reload } = useLoad('notifications', () => client.ownNotifications());
  return (
    <>
      <Problem of={problem} retry={reload} />
      {value ? (
        <Form client={client} groups={props.groups} initial={value} />
      ) : (
        !problem && (
          <p className="clg-hint" role="status">
            Loading …
          </p>
        )
      )}
    </>
  );
}

function Form(props: { client: Client; groups: readonly GroupRef[]; initial: OwnOut }): JSX.Element {
  const [draft, setDraft] = React.useState(props.initial);
  const [said, say] = React.useState('');
  const save = useAction();
  const set = (change: Partial<OwnOut>) => {
    say('');
    setDraft({ ...draft, ...change });
  };
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    say('');
    void save.run(async () => {
      const { address, events, groups, enabled, from_account } = draft;
      // The account's own address is not ours to set.
      const own = from_account ? {} : { address: address.trim() };
      setDraft(await props.client.setOwnNotifications({ ...own, events, groups, enabled }));
      say('Saved.');
    });
  };
  const errors =
    save.problem instanceof ApiError ? serverErrors(save.problem.message, save.problem.details) : {};
  const placed = ['address', 'events', 'groups'].some(field => errorAt(errors, field, true));
  return (
    <form className="clg-form" data-testid="collegium-own-notifications" onSubmit={submit}>
      <p className="clg-hint">About jobs, schedules and sweeps of your own, in whatever group they are.</p>
      {!placed && <Problem of={save.problem} />}
      {draft.problem && (
        <p className="clg-notice" data-testid="collegium-notify-problem">
          {draft.problem}
        </p>
      )}
      <label className="clg-check">
        <input
          type="checkbox"
          data-testid="collegium-notify-enabled"
          checked={draft.enabled}
          onChange={event => set({ enabled: event.target.checked })}
        />
        Send me mail
      </label>
      <Field
        id="clg-notify-address"
        title="Address"
        description={
          draft.from_account
            ? 'The one of your account; it is changed where accounts are.'
            : 'Where the mail goes.'
        }
        error={errorAt(errors, 'address', true)}
      >
        {aria => (
          <input
            {...aria}
            type="email"
            className="clg-input"
            autoComplete="email"
            data-testid="collegium-notify-address"
            readOnly={draft.from_account}
            value={draft.address}
            onChange={event => set({ address: event.target.value })}
          />
        )}
      </Field>
      <EventChoices
        value={draft.events}
        error={errorAt(errors, 'events', true)}
        onChange={events => set({ events })}
      />
      <Groups
        groups={props.groups}
        value={draft.groups}
        error={errorAt(errors, 'groups', true)}
        onChange={groups => set({ groups })}
      />
      <div className="clg-actions">
        <button
          type="submit"
          className="clg-button clg-primary"
          data-testid="collegium-notify-save"
          disabled={save.busy}
        >
          Save
        </button>
        <span className="clg-hint" role="status" data-testid="collegium-notify-said">
          {said}
        </span>
      </div>
    </form>
  );
}

function Groups(props: {
  groups: readonly GroupRef[];
  value: string[] | null;
  error: string;
  onChange: (groups: string[] | null) => void;
}): JSX.Element {
  const { value, groups, onChange } = props;
  return (
    <fieldset className="clg-checks">
      <legend>In which groups</legend>
      <label className="clg-check">
        <input
          type="checkbox"
          checked={value === null}
          onChange={e => onChange(e.target.checked ? null : [])}
        />
        all, also those that come later
      </label>
      {value !== null &&
        groups.map(group => (
          <label key={group.name} className="clg-check">
            <input
              type="checkbox"
              checked={value.includes(group.name)}
              onChange={() =>
                onChange(
                  value.includes(group.name) ? value.filter(n => n !== group.name) : [...value, group.name]
                )
              }
            />
            {group.display_name || group.name}
          </label>
        ))}
      {props.error && <p className="clg-error">{props.error}</p>}
    </fieldset>
  );
}
