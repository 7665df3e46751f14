import * as React from 'react';

import { useAction } from '../accounts/load';
import { Problem } from '../accounts/parts';
import type { ChannelKind, ChannelOut } from '../api';
import { ApiError, type Client } from '../client';
import { errorAt, serverErrors } from '../errors';
import { Field } from '../widgets/Field';
import { EventChoices } from './EventChoices';
import { channelDraft, KINDS, toChannel, toPatch, type ChannelDraft } from './form';

const FIELDS = ['name', 'kind', 'addresses', 'url', 'secret', 'events'];

/** A new channel of a group, or another setting of one that is there. */
export function ChannelForm(props: {
  client: Client;
  group: string;
  channel?: ChannelOut;
  onDone: () => void;
  onCancel: () => void;
}): JSX.Element {
  const { client, group, channel } = props;
  const [draft, setDraft] = React.useState<ChannelDraft>(() => channelDraft(channel));
  const save = useAction();
  const set = (change: Partial<ChannelDraft>) => setDraft({ ...draft, ...change });
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    void save
      .run(() =>
        channel
          ? client.updateChannel(group, channel.name, toPatch(draft, channel))
          : client.createChannel(group, toChannel(draft))
      )
      .then(done => done && props.onDone());
  };
  const errors =
    save.problem instanceof ApiError ? serverErrors(save.problem.message, save.problem.details) : {};
  const why = (field: string) => errorAt(errors, field, true);
  return (
    <form className="clg-form clg-card" data-testid="collegium-channel-form" onSubmit={submit}>
      <h3>{channel ? `Channel ${channel.name}` : 'New channel'}</h3>
      {!FIELDS.some(why) && <Problem of={save.problem} />}
      {!channel && (
        <div className="clg-columns">
          <Field id="clg-channel-name" title="Name" required error={why('name')}>
            {aria => (
              <input
                {...aria}
                className="clg-input"
                required
                maxLength={63}
                autoComplete="off"
                data-testid="collegium-channel-name"
                value={draft.name}
                onChange={event => set({ name: event.target.value })}
              />
            )}
          </Field>
          <Field id="clg-channel-kind" title="Kind" error={why('kind')}>
            {aria => (
              <select
                {...aria}
                className="clg-select"
                data-testid="collegium-channel-kind"
                value={draft.kind}
                onChange={event => set({ kind: event.target.value as ChannelKind })}
              >
                {Object.entries(KINDS).map(([kind, title]) => (
                  <option key={kind} value={kind}>
                    {title}
                  </option>
                ))}
              </select>
            )}
          </Field>
        </div>
      )}
      {draft.kind === 'email' ? (
        <Field
          id="clg-channel-addresses"
          title="Addresses"
          required
          description="Parted by commas."
          error={why('addresses')}
        >
          {aria => (
            <textarea
              {...aria}
              className="clg-input"
              rows={2}
              required
              data-testid="collegium-channel-addresses"
              value={draft.addresses}
              onChange={event => set({ addresses: event.target.value })}
            />
          )}
        </Field>
      ) : (
        <Field
          id="clg-channel-url"
          title="Address (URL)"
          required
          description={
            draft.kind === 'slack'
              ? 'The address of an incoming webhook. Whoever knows it can write there, so it is kept sealed and shown in part.'
              : 'Gets a POST with JSON for each event; addresses inside the platform’s own network are refused.'
          }
          error={why('url')}
        >
          {aria => (
            <input
              {...aria}
              type="text"
              inputMode="url"
              className="clg-input"
              required
              autoComplete="off"
              spellCheck={false}
              data-testid="collegium-channel-url"
              value={draft.url}
              onChange={event => set({ url: event.target.value })}
            />
          )}
        </Field>
      )}
      {draft.kind === 'webhook' && (
        <Field
          id="clg-channel-secret"
          title="Signing secret"
          description={
            channel?.has_secret
              ? 'One is set; nobody can read it. What you write here (16 characters or more) takes its place, empty keeps it.'
              : 'With one (16 characters or more) every request is signed, so that the receiver can tell that it is ours.'
          }
          error={why('secret')}
        >
          {aria => (
            <input
              {...aria}
              type="password"
              className="clg-input"
              autoComplete="new-password"
              data-testid="collegium-channel-secret"
              value={draft.secret}
              onChange={event => set({ secret: event.target.value })}
            />
          )}
        </Field>
      )}
      <EventChoices value={draft.events} error={why('events')} onChange={events => set({ events })} />
      <label className="clg-check">
        <input
          type="checkbox"
          checked={draft.enabled}
          onChange={event => set({ enabled: event.target.checked })}
        />
        Switched on
      </label>
      <div className="clg-actions">
        <button
          type="submit"
          className="clg-button clg-primary"
          data-testid="collegium-channel-save"
          disabled={save.busy}
        >
          {channel ? 'Save' : 'Create'}
        </button>
        <button type="button" className="clg-button" onClick={props.onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
