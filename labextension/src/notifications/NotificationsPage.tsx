import * as React from 'react';

import type { GroupRef } from '../api';
import type { Client } from '../client';
import { OwnSettings } from './OwnSettings';

/** One's own settings; a group's channels have a page of their own in the group. */
export function NotificationsPage(props: {
  client: Client;
  groups: readonly GroupRef[];
  /** The page with a group's channels. */
  channels: (group: string) => string;
}): JSX.Element {
  return (
    <>
      <OwnSettings client={props.client} groups={props.groups} />
      {props.groups.length > 0 && (
        <>
          <h2>Channels of your groups</h2>
          <p className="clg-hint">What a whole group hears of, by mail, webhook or Slack.</p>
          <ul>
            {props.groups.map(group => (
              <li key={group.name}>
                <a href={props.channels(group.name)}>{group.display_name || group.name}</a>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
