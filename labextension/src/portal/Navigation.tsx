import * as React from 'react';

import type { ContextOut } from '../api';
import { useLoad } from '../accounts/load';
import type { Client } from '../client';
import { remember, remembered } from '../remember';
import { go, href, type GroupPage, type Route } from './route';

/** Each page of a group, and the operation that shows whether it is for this person. */
const TABS: readonly { tab: GroupPage; title: string; operation: string }[] = [
  { tab: 'jobs', title: 'Jobs', operation: 'job.list' },
  { tab: 'schedules', title: 'Schedules', operation: 'schedule.list' },
  { tab: 'sweeps', title: 'Sweeps', operation: 'sweep.list' },
  { tab: 'queue', title: 'Queue', operation: 'queue.read' },
  { tab: 'files', title: 'Shared files', operation: 'file.list' },
  { tab: 'datasets', title: 'Datasets', operation: 'dataset.list' },
  { tab: 'activity', title: 'Recent activity', operation: 'group.activity' },
  { tab: 'notifications', title: 'Notifications', operation: 'channel.list' },
  { tab: 'secrets', title: 'Secrets', operation: 'secret.list' },
  { tab: 'settings', title: 'Settings', operation: 'settings.edit' },
  { tab: 'members', title: 'Members', operation: 'group.members' },
  { tab: 'invitations', title: 'Invitations', operation: 'invitation.list' },
  { tab: 'audit', title: 'Audit log', operation: 'group.audit' },
  { tab: 'revoked', title: 'Revoked work', operation: 'group.revocations' }
];

/** Where one can go: the chosen group's pages, and the platform's for who runs it. */
export function Navigation(props: { client: Client; context: ContextOut; route: Route }): JSX.Element {
  const { context, route } = props;
  const user = context.user.name;
  const named = route.page === 'group' ? route.group : remembered(user);
  const group = context.groups.find(g => g.name === named) ?? context.groups[0];
  const name = group?.name;
  React.useEffect(() => {
    if (route.page === 'group' && name === route.group) {
      remember(user, name);
    }
  }, [route, name, user]);
  const choose = (chosen: string) => {
    remember(user, chosen);
    go({ page: 'group', group: chosen, tab: route.page === 'group' ? route.tab : 'members' });
  };
  return (
    <nav className="clg-nav" aria-label="Pages">
      <a href="#/" aria-current={route.page === 'home' ? 'page' : undefined}>
        Your groups
      </a>
      <a
        href={href({ page: 'notifications' })}
        aria-current={route.page === 'notifications' ? 'page' : undefined}
      >
        Your notifications
      </a>
      {group && (
        <>
          <label className="clg-nav-title" htmlFor="clg-nav-group">
            Group
          </label>
          <select
            id="clg-nav-group"
            className="clg-select"
            data-testid="collegium-group-select"
            value={group.name}
            onChange={event => choose(event.target.value)}
          >
            {context.groups.map(g => (
              <option key={g.name} value={g.name}>
                {g.display_name || g.name}
              </option>
            ))}
          </select>
          <GroupLinks key={group.name} client={props.client} group={group.name} route={route} />
        </>
      )}
      {context.user.platform_admin && (
        <>
          <h2 className="clg-nav-title">Platform</h2>
          <PlatformLinks route={route} />
        </>
      )}
    </nav>
  );
}

function GroupLinks(props: { client: Client; group: string; route: Route }): JSX.Element {
  const { client, group, route } = props;
  const { value } = useLoad(`group/${group}`, () => client.group(group));
  return (
    <>
      {TABS.filter(
        ({ operation }) => value?.operations[operation]?.allowed ?? operation === 'group.members'
      ).map(({ tab, title }) => (
        <a
          key={tab}
          href={href({ page: 'group', group, tab })}
          aria-current={
            route.page === 'group' && route.group === group && route.tab === tab ? 'page' : undefined
          }
        >
          {title}
        </a>
      ))}
    </>
  );
}

function PlatformLinks({ route }: { route: Route }): JSX.Element {
  const pages = [
    { page: 'users', title: 'Users' },
    { page: 'datasets', title: 'Datasets' },
    { page: 'volumes', title: 'Volumes' },
    { page: 'secrets', title: 'Secrets' },
    { page: 'identity', title: 'Identity' },
    { page: 'audit', title: 'Audit log' }
  ] as const;
  return (
    <>
      {pages.map(({ page, title }) => (
        <a key={page} href={href({ page })} aria-current={route.page === page ? 'page' : undefined}>
          {title}
        </a>
      ))}
    </>
  );
}
