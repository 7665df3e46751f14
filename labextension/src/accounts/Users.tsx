import * as React from 'react';

import type { AccountOut } from '../api';
import type { Client } from '../client';
import { Missing } from './Identity';
import { useAction, useLoad, usePages } from './load';
import { Badge, Listed, More, Problem, Search, Table } from './parts';
import { roleTitle } from './roles';
import { save } from './text';

export interface UserLinks {
  user: (id: string) => string;
  create: string;
  import: string;
}

/** All accounts of the provider, for platform admins. */
export function Users({ client, links }: { client: Client; links: UserLinks }): JSX.Element {
  const [text, setText] = React.useState('');
  const [enabled, setEnabled] = React.useState('');
  const page = usePages(`users/${enabled}/${text}`, cursor =>
    client.users({ text, cursor, enabled: enabled ? enabled === 'yes' : undefined })
  );
  const exporting = useAction();
  const download = () => void exporting.run(async () => save(await client.exportUsers(), 'users.csv'));
  // Without an account of its own Collegium can do none of this; the refusal says what is missing and how to enable it.
  const closed = page.items === null && Boolean(page.problem);
  return (
    <>
      {!closed && (
        <div className="clg-bar">
          <Search
            label="Search by name or e-mail"
            value={text}
            testid="collegium-user-search"
            onSearch={setText}
          />
          <select
            className="clg-select"
            aria-label="Which accounts"
            value={enabled}
            onChange={event => setEnabled(event.target.value)}
          >
            <option value="">All</option>
            <option value="yes">Enabled</option>
            <option value="no">Disabled</option>
          </select>
          <span className="clg-spacer" />
          <a className="clg-button clg-primary" href={links.create} data-testid="collegium-new-user">
            New user
          </a>
          <a className="clg-button" href={links.import}>
            Import
          </a>
          <button type="button" className="clg-button" disabled={exporting.busy} onClick={download}>
            Export
          </button>
        </div>
      )}
      <Problem of={exporting.problem} />
      <Listed
        items={page.items}
        problem={page.problem}
        retry={page.reload}
        empty={text || enabled ? 'Nobody matches.' : 'There is no user yet.'}
      >
        <Table
          label="Users"
          testid="collegium-users"
          columns={['User', 'Name', 'E-mail', 'Groups', 'Account']}
        >
          {page.items?.map(user => (
            <Line key={user.id} user={user} href={links.user(user.id)} />
          ))}
        </Table>
        <More more={page.more} busy={page.busy} />
      </Listed>
      {closed && <WhatIsMissing client={client} />}
    </>
  );
}

function WhatIsMissing({ client }: { client: Client }): JSX.Element | null {
  const { value } = useLoad('identity', () => client.identity());
  return value && <Missing missing={value.missing} />;
}

function Line({ user, href }: { user: AccountOut; href: string }): JSX.Element {
  return (
    <tr data-user={user.username}>
      <td>
        <a href={href}>{user.username}</a>
      </td>
      <td>{fullName(user)}</td>
      <td className="clg-path">{user.email}</td>
      <td>
        {user.groups.map(({ group, role }) => `${group} (${roleTitle(role).toLowerCase()})`).join(', ')}
      </td>
      <td>
        <Badge word={user.enabled ? 'enabled' : 'disabled'} tone={user.enabled ? 'good' : 'bad'} />
        {user.platform_admin && <Badge word="platform admin" />}
        {user.federated && <Badge word="directory" />}
      </td>
    </tr>
  );
}

function fullName(user: Pick<AccountOut, 'first_name' | 'last_name'>): string {
  return [user.first_name, user.last_name].filter(Boolean).join(' ');
}
