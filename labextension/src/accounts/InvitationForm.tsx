import * as React from 'react';

import type { InvitationCreated, Role } from '../api';
import { ApiError, type Client } from '../client';
import { Field } from '../widgets/Field';
import { useAction } from './load';
import { Problem } from './parts';
import { firstRole, RoleSelect } from './roles';
import { splitDomains } from './text';

/** In hours. */
const UNTIL: readonly [number, string][] = [
  [1, '1 hour'],
  [8, '8 hours'],
  [24, '1 day'],
  [48, '2 days'],
  [72, '3 days']
];
const MAX_USES = 100;

/** What a new invitation is to allow. */
export function InvitationForm(props: {
  client: Client;
  group: string;
  /** Can mail be sent at all? */
  mail: boolean;
  /** What it can be for. */
  roles?: readonly Role[];
  onCreated: (invitation: InvitationCreated) => void;
  onCancel: () => void;
}): JSX.Element {
  const [role, setRole] = React.useState(firstRole(props.roles));
  const [uses, setUses] = React.useState('1');
  const [hours, setHours] = React.useState(24);
  const [email, setEmail] = React.useState('');
  const [domains, setDomains] = React.useState('');
  const [note, setNote] = React.useState('');
  const [mail, setMail] = React.useState(false);
  const create = useAction();
  // An address is one person's.
  const bound = email.trim() !== '';
  const wrong = create.problem instanceof ApiError ? String(create.problem.details.field ?? '') : '';
  const why = (field: string) =>
    wrong === field && create.problem instanceof Error ? create.problem.message : '';
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    void create.run(async () =>
      props.onCreated(
        await props.client.invite(props.group, {
          role,
          max_uses: bound ? 1 : Number(uses),
          expires_in: hours,
          email: email.trim(),
          domains: splitDomains(domains),
          note: note.trim(),
          send_mail: mail && bound && props.mail
        })
      )
    );
  };
  return (
    <form className="clg-form clg-card" data-testid="collegium-invitation-form" onSubmit={submit}>
      <h3>Invite somebody</h3>
      <Problem of={create.problem} />
      <div className="clg-columns">
        <Field id="clg-inv-role" title="Role" error={why('role')}>
          {aria => (
            <RoleSelect
              {...aria}
              value={role}
              roles={props.roles}
              testid="collegium-invitation-role"
              onChange={setRole}
            />
          )}
        </Field>
        <Field id="clg-inv-until" title="Valid for" error={why('expires_in')}>
          {aria => (
            <select
              {...aria}
              className="clg-select"
              value={hours}
              onChange={event => setHours(Number(event.target.value))}
            >
              {UNTIL.map(([value, title]) => (
                <option key={value} value={value}>
                  {title}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field id="clg-inv-uses" title="How many people" error={why('max_uses')}>
          {aria => (
            <input
              {...aria}
              type="number"
              min={1}
              max={bound ? 1 : MAX_USES}
              required
              className="clg-input clg-input-number"
              value={bound ? '1' : uses}
              disabled={bound}
              onChange={event => setUses(event.target.value)}
            />
          )}
        </Field>
        <Field
          id="clg-inv-domains"
          title="Only addresses of"
          description="Domains, such as example.org; empty: any."
          error={why('domains')}
        >
          {aria => (
            <input
              {...aria}
              className="clg-input"
              autoComplete="off"
              value={domains}
              onChange={event => setDomains(event.target.value)}
            />
          )}
        </Field>
        <Field
          id="clg-inv-email"
          title="Only this address"
          description="The link then works for this person alone."
          error={why('email')}
        >
          {aria => (
            <input
              {...aria}
              type="email"
              className="clg-input"
              autoComplete="off"
              value={email}
              onChange={event => setEmail(event.target.value)}
            />
          )}
        </Field>
        <Field
          id="clg-inv-note"
          title="Note"
          description="For you and the other admins; the invited do not see it."
          error={why('note')}
        >
          {aria => (
            <input
              {...aria}
              className="clg-input"
              maxLength={120}
              autoComplete="off"
              value={note}
              onChange={event => setNote(event.target.value)}
            />
          )}
        </Field>
      </div>
      <label className="clg-check">
        <input
          type="checkbox"
          checked={mail && bound && props.mail}
          disabled={!bound || !props.mail}
          onChange={event => setMail(event.target.checked)}
        />
        Send the link to this address
        {!props.mail && (
          <span className="clg-hint">(no mail server is set up; pass the link on yourself)</span>
        )}
      </label>
      <div className="clg-actions">
        <button
          type="submit"
          className="clg-button clg-primary"
          data-testid="collegium-invitation-create"
          disabled={create.busy}
        >
          Create the link
        </button>
        <button type="button" className="clg-button" onClick={props.onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
