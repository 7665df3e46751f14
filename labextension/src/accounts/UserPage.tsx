import * as React from 'react';

import type { GroupRef, UserDetail, UserGroup } from '../api';
import type { Client } from '../client';
import { GroupRows } from './GroupRows';
import { useAction, useLoad } from './load';
import { Badge, Confirmed, CopyBox, Problem, Time } from './parts';
import { fieldOf, UserFields, type UserValues } from './UserFields';

interface Props {
  client: Client;
  id: string;
  groups: GroupRef[];
  onGone: () => void;
}

/** One account: what it is, and what a platform admin may change. */
export function UserPage(props: Props): JSX.Element {
  const { client, id } = props;
  const { value, problem, reload } = useLoad(`user/${id}`, () => client.user(id));
  const [refused, setRefused] = React.useState<string[]>([]);
  const changed = (problems: string[] = []) => {
    setRefused(problems);
    reload();
  };
  return (
    <>
      <Problem of={problem} retry={reload} />
      {refused.length > 0 && (
        <div className="clg-problem" role="alert">
          <p>Not everything was done:</p>
          <ul>
            {refused.map(text => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </div>
      )}
      {value && <Account key={JSON.stringify(value)} {...props} user={value} onChanged={changed} />}
    </>
  );
}

function Account(props: Props & { user: UserDetail; onChanged: (problems?: string[]) => void }): JSX.Element {
  const { user } = props;
  return (
    <div data-testid="collegium-user" data-user={user.username}>
      <dl className="clg-facts">
        <div>
          <dt>User</dt>
          <dd>{user.username}</dd>
        </div>
        <div>
          <dt>Account</dt>
          <dd>
            <Badge word={user.enabled ? 'enabled' : 'disabled'} tone={user.enabled ? 'good' : 'bad'} />
          </dd>
        </div>
        <div>
          <dt>E-mail</dt>
          <dd>{user.email ? (user.email_verified ? 'verified' : 'not verified') : 'none'}</dd>
        </div>
        <div>
          <dt>Since</dt>
          <dd>
            <Time at={user.created_at} />
          </dd>
        </div>
      </dl>
      {user.read_only && (
        <p className="clg-notice" data-testid="collegium-read-only">
          {user.read_only} {user.federated && 'Its groups here can still be changed.'}
        </p>
      )}
      {user.out_of_bounds && (
        <p className="clg-notice" data-testid="collegium-out-of-bounds">
          {user.out_of_bounds}
        </p>
      )}
      <Names {...props} />
      <Groups {...props} />
      {!fixedBy(user) && <Actions {...props} />}
    </div>
  );
}

/** Why nothing of the account itself can be changed, or empty. */
function fixedBy(user: UserDetail): string {
  return user.out_of_bounds || user.read_only;
}

type Part = Props & { user: UserDetail; onChanged: (problems?: string[]) => void };

function Names({ client, user, onChanged }: Part): JSX.Element {
  const [values, setValues] = React.useState<UserValues>(user);
  const change = useAction();
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    const { email, first_name, last_name } = values;
    void change
      .run(() => client.updateUser(user.id, { email, first_name, last_name }))
      .then(ok => ok && onChanged());
  };
  const fixed = fixedBy(user)
    ? (['username', 'email', 'first_name', 'last_name'] as const)
    : (['username'] as const);
  return (
    <form className="clg-form" onSubmit={submit}>
      <h2>Name and address</h2>
      {!fieldOf(change.problem) && <Problem of={change.problem} />}
      <UserFields values={values} problem={change.problem} fixed={fixed} onChange={setValues} />
      {!fixedBy(user) && (
        <div className="clg-actions">
          <button type="submit" className="clg-button clg-primary" disabled={change.busy}>
            Save
          </button>
        </div>
      )}
    </form>
  );
}

function Groups({ client, user, groups, onChanged }: Part): JSX.Element {
  const [value, setValue] = React.useState<UserGroup[]>(user.groups);
  const change = useAction();
  const identity = useLoad('identity', () => client.identity());
  const same = JSON.stringify(value) === JSON.stringify(user.groups);
  const save = () =>
    void change.run(async () => {
      const { results } = await client.setUserGroups(user.id, value);
      const refused = results.filter(result => result.outcome === 'refused');
      onChanged(refused.map(result => `${result.group}: ${result.reason}`));
    });
  return (
    <section className="clg-form">
      <h2>Groups and roles</h2>
      <Problem of={change.problem} />
      <GroupRows
        groups={groups}
        value={value}
        roles={identity.value?.roles}
        disabled={!!user.out_of_bounds}
        onChange={setValue}
      />
      {!user.out_of_bounds && (
        <div className="clg-actions">
          <button
            type="button"
            className="clg-button clg-primary"
            disabled={change.busy || same}
            data-testid="collegium-save-groups"
            onClick={save}
          >
            Save the groups
          </button>
        </div>
      )}
    </section>
  );
}

function Actions({ client, user, onChanged, onGone }: Part): JSX.Element {
  const action = useAction();
  const [password, setPassword] = React.useState('');
  const [said, say] = React.useState('');
  const then = (work: () => Promise<unknown>, after: () => void) =>
    void action.run(work).then(ok => ok && after());
  return (
    <section className="clg-form">
      <h2>Account</h2>
      <Problem of={action.problem} />
      {password && (
        <div className="clg-once" role="status">
          <p>The new password. It is shown only now, and must be changed at the next login.</p>
          <CopyBox text={password} label="New password" testid="collegium-password" />
        </div>
      )}
      {said && <p role="status">{said}</p>}
      <div className="clg-actions">
        <Confirmed
          className="clg-button"
          label={user.enabled ? 'Disable' : 'Enable'}
          question={
            user.enabled
              ? `Disable ${user.username}? They cannot log in any more, and what they run is stopped.`
              : `Enable ${user.username} again?`
          }
          danger={user.enabled}
          disabled={action.busy}
          testid="collegium-user-enable"
          onConfirm={() =>
            then(
              () => client.updateUser(user.id, { enabled: !user.enabled }),
              () => onChanged()
            )
          }
        />
        <Confirmed
          className="clg-button"
          label="Reset the password"
          question={`Give ${user.username} a new password? The old one ends at once.`}
          disabled={action.busy}
          testid="collegium-user-password"
          onConfirm={() =>
            void action.run(async () => setPassword((await client.resetPassword(user.id)).password))
          }
        />
        <button
          type="button"
          className="clg-button"
          disabled={action.busy || !user.email}
          title={user.email ? undefined : 'There is no address to send it to.'}
          onClick={() =>
            then(
              () => client.mailUser(user.id, { actions: ['UPDATE_PASSWORD', 'VERIFY_EMAIL'] }),
              () => say(`A mail is on its way to ${user.email}.`)
            )
          }
        >
          Send a mail to choose a password
        </button>
        <Confirmed
          className="clg-button"
          label="Delete"
          question={`Delete ${user.username}? The account is gone for ever; what they run is stopped. Disabling keeps it.`}
          danger
          disabled={action.busy}
          testid="collegium-user-delete"
          onConfirm={() => then(() => client.deleteUser(user.id), onGone)}
        />
      </div>
    </section>
  );
}
