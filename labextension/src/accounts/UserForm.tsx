import { UUID } from '@lumino/coreutils';
import * as React from 'react';

import type { GroupRef, UserCreated, UserGroup } from '../api';
import type { Client } from '../client';
import { GroupRows } from './GroupRows';
import { useAction, useLoad } from './load';
import { Problem } from './parts';
import { EMPTY_USER, fieldOf, UserFields } from './UserFields';

/** A new account. Its owner chooses the password, behind the link in the mail. */
export function UserForm(props: {
  client: Client;
  groups: GroupRef[];
  onDone: (id: string) => void;
  /** Where the account is, for when something more must be read here first. */
  link: (id: string) => string;
}): JSX.Element {
  const [values, setValues] = React.useState(EMPTY_USER);
  const [groups, setGroups] = React.useState<UserGroup[]>([]);
  const [mail, setMail] = React.useState(true);
  const [made, setMade] = React.useState<UserCreated | null>(null);
  const key = React.useRef({ of: '', is: '' });
  const create = useAction();
  const identity = useLoad('identity', () => props.client.identity());
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    void create.run(async () => {
      const body = { ...values, groups, send_mail: mail && values.email !== '' };
      // The same wish sent twice makes one account; another wish needs another key.
      if (key.current.of !== JSON.stringify(body)) {
        key.current = { of: JSON.stringify(body), is: UUID.uuid4() };
      }
      const user = await props.client.createUser(body, key.current.is);
      if (user.problems.length > 0) {
        setMade(user);
      } else {
        props.onDone(user.id);
      }
    });
  };
  if (made) {
    return (
      <section className="clg-card" role="status">
        <p>
          The account <a href={props.link(made.id)}>{made.username}</a> is made, but not all went well:
        </p>
        <ul>
          {made.problems.map(problem => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      </section>
    );
  }
  return (
    <form className="clg-form" data-testid="collegium-user-form" onSubmit={submit}>
      {!fieldOf(create.problem) && <Problem of={create.problem} />}
      <UserFields values={values} problem={create.problem} onChange={setValues} />
      <fieldset>
        <legend>Groups</legend>
        <GroupRows groups={props.groups} value={groups} roles={identity.value?.roles} onChange={setGroups} />
      </fieldset>
      <label className="clg-check">
        <input
          type="checkbox"
          checked={mail && values.email !== ''}
          disabled={values.email === ''}
          onChange={event => setMail(event.target.checked)}
        />
        Send a mail with a link to choose a password
      </label>
      <div className="clg-actions">
        <button type="submit" className="clg-button clg-primary" disabled={create.busy}>
          Create
        </button>
        <a className="clg-button" href="#/users">
          Cancel
        </a>
      </div>
    </form>
  );
}
