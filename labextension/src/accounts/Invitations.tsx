import * as React from 'react';

import type { InvitationCreated, InvitationOut } from '../api';
import type { Client } from '../client';
import { InvitationForm } from './InvitationForm';
import { useAction, useLoad } from './load';
import { Badge, Confirmed, CopyBox, Listed, Problem, Table, Time } from './parts';
import { roleTitle } from './roles';

/** Links into a group: the list, a form for a new one, and its link, once. */
export function Invitations({ client, group }: { client: Client; group: string }): JSX.Element {
  const { value, problem, reload } = useLoad(`invitations/${group}`, () => client.invitations(group));
  const [form, setForm] = React.useState(false);
  const [made, setMade] = React.useState<InvitationCreated | null>(null);
  const revoke = useAction();
  const created = (invitation: InvitationCreated) => {
    setForm(false);
    setMade(invitation);
    reload();
  };
  return (
    <>
      {made && <NewLink invitation={made} onClose={() => setMade(null)} />}
      {form ? (
        <InvitationForm
          client={client}
          group={group}
          mail={value?.mail ?? false}
          roles={value?.roles}
          onCreated={created}
          onCancel={() => setForm(false)}
        />
      ) : value?.problem ? (
        <p className="clg-notice" data-testid="collegium-invitations-off">
          {value.problem}
        </p>
      ) : (
        <div className="clg-bar">
          <button
            type="button"
            className="clg-button clg-primary"
            data-testid="collegium-invite"
            onClick={() => {
              setMade(null);
              setForm(true);
            }}
          >
            Invite somebody
          </button>
        </div>
      )}
      <Problem of={revoke.problem} />
      <Listed
        items={value?.items ?? null}
        problem={problem}
        retry={reload}
        empty="No invitation was made yet. An invitation is a link; whoever opens it and logs in joins this group."
      >
        <Table
          label="Invitations"
          testid="collegium-invitations"
          columns={['Role', 'For', 'Used', 'State', 'Until', 'By', 'Note', '']}
        >
          {value?.items.map(row => (
            <Row
              key={row.id}
              row={row}
              busy={revoke.busy}
              onRevoke={() =>
                void revoke.run(() => client.revokeInvitation(group, row.id)).then(done => done && reload())
              }
            />
          ))}
        </Table>
      </Listed>
    </>
  );
}

function Row(props: { row: InvitationOut; busy: boolean; onRevoke: () => void }): JSX.Element {
  const { row } = props;
  const open = row.state === 'open';
  const bound = row.email || (row.domains.length > 0 ? row.domains.map(d => `@${d}`).join(', ') : 'anybody');
  return (
    <tr data-invitation={row.id}>
      <td>{roleTitle(row.role)}</td>
      <td className="clg-path">
        {bound}
        {row.mailed_at && <div className="clg-hint">mail sent</div>}
      </td>
      <td>
        {row.uses} of {row.max_uses}
        {row.used_by.length > 0 && <div className="clg-hint">{row.used_by.join(', ')}</div>}
      </td>
      <td>
        <Badge word={row.state} tone={open ? 'good' : undefined} />
        {row.revoked_by && <div className="clg-hint">by {row.revoked_by}</div>}
      </td>
      <td>
        <Time at={row.expires_at} />
      </td>
      <td>{row.created_by}</td>
      <td>{row.note}</td>
      <td>
        {open && (
          <Confirmed
            label="Revoke"
            question="Revoke this invitation? Its link then opens nothing more; who has joined already stays."
            danger
            disabled={props.busy}
            testid="collegium-revoke"
            onConfirm={props.onRevoke}
          />
        )}
      </td>
    </tr>
  );
}

function NewLink({
  invitation,
  onClose
}: {
  invitation: InvitationCreated;
  onClose: () => void;
}): JSX.Element {
  return (
    <section className="clg-once" aria-label="The new link" role="status">
      <h3>The new link</h3>
      <p>
        It is shown only now: nobody, not even an admin, can look it up later. Whoever has it can join as{' '}
        {roleTitle(invitation.role).toLowerCase()}, so send it only to whom you mean.
      </p>
      <CopyBox text={invitation.link} label="Invitation link" testid="collegium-link" />
      {invitation.mail_problem && (
        <p className="clg-error">
          The mail did not go out, pass the link on yourself: {invitation.mail_problem}
        </p>
      )}
      {invitation.mailed_at && <p className="clg-hint">It was also sent to {invitation.email}.</p>}
      <div className="clg-actions">
        <button type="button" className="clg-button clg-small" onClick={onClose}>
          Done
        </button>
      </div>
    </section>
  );
}
