import * as React from 'react';

import type { ContextOut } from '../api';
import { Badge } from '../accounts/parts';
import { roleTitle } from '../accounts/roles';
import { HomeActivity } from '../activity/HomeActivity';
import type { Client } from '../client';
import { href } from './route';

/** One's groups, or whom to ask for one. */
export function Home({ client, context }: { client: Client; context: ContextOut }): JSX.Element {
  if (context.groups.length === 0) {
    return <p className="clg-empty">{context.no_group_message}</p>;
  }
  return (
    <>
      <ul className="clg-cards">
        {context.groups.map(group => (
          <li key={group.name} className="clg-card">
            <h2>
              <a href={href({ page: 'group', group: group.name, tab: 'members' })}>
                {group.display_name || group.name}
              </a>
            </h2>
            <p className="clg-hint">{group.description}</p>
            <p>
              {group.role ? (
                <Badge word={roleTitle(group.role)} />
              ) : (
                <span className="clg-hint">not a member</span>
              )}
            </p>
          </li>
        ))}
      </ul>
      <HomeActivity client={client} />
    </>
  );
}
