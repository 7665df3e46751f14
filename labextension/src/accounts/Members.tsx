import * as React from 'react';

import type { Client } from '../client';
import { usePages } from './load';
import { Badge, Listed, More, Table } from './parts';
import { roleTitle } from './roles';

/** Who is in a group, as what, and whether their account may be used. */
export function Members({ client, group }: { client: Client; group: string }): JSX.Element {
  const { items, problem, busy, more, reload } = usePages(`members/${group}`, cursor =>
    client.members(group, cursor)
  );
  const me = client.page.user;
  return (
    <Listed
      items={items}
      problem={problem}
      retry={reload}
      empty="Nobody is in this group. Members come from the identity provider, the catalog file, or an invitation."
    >
      <Table label="Members" testid="collegium-members" columns={['Name', 'User', 'Role', 'Account']}>
        {items?.map(member => (
          <tr key={member.name} data-user={member.name}>
            <td>
              {member.display_name || member.name}
              {member.name === me && <span className="clg-hint"> (you)</span>}
            </td>
            <td className="clg-path">{member.name}</td>
            <td>{roleTitle(member.role)}</td>
            <td>
              <Badge word={member.standing} tone={member.standing === 'active' ? 'good' : 'bad'} />
            </td>
          </tr>
        ))}
      </Table>
      <More more={more} busy={busy} />
    </Listed>
  );
}
