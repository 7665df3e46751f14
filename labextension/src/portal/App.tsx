/** The portal: who one is, one's groups, and for platform admins the platform. */

import * as React from 'react';

import type { ContextOut } from '../api';
import { Audit } from '../accounts/Audit';
import { Ending } from '../accounts/Ending';
import { Identity } from '../accounts/Identity';
import { Invitations } from '../accounts/Invitations';
import { menuLinks } from '../accounts/links';
import { useLoad } from '../accounts/load';
import { Members } from '../accounts/Members';
import { Problem } from '../accounts/parts';
import { ProfileMenu } from '../accounts/ProfileMenu';
import { Revocations } from '../accounts/Revocations';
import { UserForm } from '../accounts/UserForm';
import { UserImport } from '../accounts/UserImport';
import { UserPage } from '../accounts/UserPage';
import { Users } from '../accounts/Users';
import { PlatformDatasetForm } from '../admin/PlatformDatasetForm';
import { PlatformDatasetPage } from '../admin/PlatformDatasetPage';
import { PlatformDatasets } from '../admin/PlatformDatasets';
import { PlatformSecrets } from '../admin/PlatformSecrets';
import { Volumes } from '../admin/Volumes';
import { pagesOf, type Client } from '../client';
import { OwnSettings } from '../notifications/OwnSettings';
import { Home } from './Home';
import { isWork, WorkPages } from './WorkPages';
import { Navigation } from './Navigation';
import { go, href, useRoute, type GroupPage, type Route } from './route';

const TITLES: Record<GroupPage, string> = {
  jobs: 'Jobs',
  'new-job': 'New job',
  schedules: 'Schedules',
  sweeps: 'Sweeps',
  queue: 'Queue',
  files: 'Shared files',
  datasets: 'Datasets',
  'new-dataset': 'New dataset',
  activity: 'Recent activity',
  notifications: 'Notifications',
  secrets: 'Secrets',
  settings: 'Settings',
  members: 'Members',
  invitations: 'Invitations',
  audit: 'Audit log',
  revoked: 'Revoked work'
};

export function App({ client }: { client: Client }): JSX.Element {
  const route = useRoute();
  const { value: context, problem, reload } = useLoad('context', () => client.context());
  return (
    <>
      <a className="clg-skip" href="#main" onClick={skip}>
        Skip to the page
      </a>
      <header className="clg-top">
        <a className="clg-brand" href={pagesOf(client.page).home}>
          Collegium
        </a>
        <ProfileMenu
          user={client.page.user}
          note={context?.user.platform_admin ? 'platform admin' : undefined}
          links={menuLinks(client.page, context?.account, 'portal')}
        />
      </header>
      <div className="clg-portal">
        {context && <Navigation client={client} context={context} route={route} />}
        <main id="main" tabIndex={-1} className="clg-main clg-page">
          <Problem of={problem} retry={reload} />
          {context && <Ending rows={context.ending} />}
          {context ? (
            <Page client={client} context={context} route={route} />
          ) : (
            !problem && <p role="status">Loading …</p>
          )}
        </main>
      </div>
    </>
  );
}

/** The fragment is the page's address here, so that the link must not change it. */
function skip(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Page(props: { client: Client; context: ContextOut; route: Route }): JSX.Element {
  const { client, context, route } = props;
  const group = route.page === 'group' ? context.groups.find(g => g.name === route.group) : undefined;
  const title = titleOf(route, group?.display_name);
  const heading = React.useRef<HTMLHeadingElement>(null);
  const first = React.useRef(true);
  React.useEffect(() => {
    document.title = `${title} – Collegium`;
    // Who goes from page to page by keyboard or ear starts each at its title.
    if (first.current) {
      first.current = false;
    } else {
      heading.current?.focus();
    }
  }, [title]);
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      <Body client={client} context={context} route={route} />
    </>
  );
}

function titleOf(route: Route, group?: string): string {
  switch (route.page) {
    case 'group':
      return `${group || route.group}: ${TITLES[route.tab]}`;
    case 'users':
      return 'Users';
    case 'user':
      return 'User';
    case 'user-new':
      return 'New user';
    case 'user-import':
      return 'Import users';
    case 'identity':
      return 'Identity';
    case 'notifications':
      return 'Your notifications';
    case 'audit':
      return 'Audit log of the platform';
    case 'datasets':
      return 'Datasets of the platform';
    case 'dataset':
      return `Dataset ${route.id}`;
    case 'new-dataset':
      return 'New dataset of the platform';
    case 'volumes':
      return 'Volumes';
    case 'secrets':
      return 'Secrets of the platform';
    case 'unknown':
      return 'No such page';
    default:
      return 'Your groups';
  }
}

function Body({
  client,
  context,
  route
}: {
  client: Client;
  context: ContextOut;
  route: Route;
}): JSX.Element {
  const toUsers = () => go({ page: 'users' });
  switch (route.page) {
    case 'home':
      return <Home client={client} context={context} />;
    case 'group':
      return isWork(route.tab) ? (
        <WorkPages key={route.group} client={client} route={{ ...route, tab: route.tab }} />
      ) : (
        <GroupTab key={route.group} client={client} group={route.group} tab={route.tab} />
      );
    case 'users':
      return (
        <Users
          client={client}
          links={{ user: id => href({ page: 'user', id }), create: '#/new-user', import: '#/import-users' }}
        />
      );
    case 'user':
      return (
        <UserPage key={route.id} client={client} id={route.id} groups={context.groups} onGone={toUsers} />
      );
    case 'user-new':
      return (
        <UserForm
          client={client}
          groups={context.groups}
          onDone={id => go({ page: 'user', id })}
          link={id => href({ page: 'user', id })}
        />
      );
    case 'user-import':
      return <UserImport client={client} />;
    case 'identity':
      return <Identity client={client} />;
    case 'datasets':
      return <PlatformDatasets client={client} />;
    case 'dataset':
      return <PlatformDatasetPage key={route.id} client={client} name={route.id} groups={context.groups} />;
    case 'new-dataset':
      return <PlatformDatasetForm client={client} groups={context.groups} />;
    case 'volumes':
      return <Volumes client={client} />;
    case 'secrets':
      return <PlatformSecrets client={client} groups={context.groups} />;
    case 'notifications':
      return <OwnSettings client={client} groups={context.groups} />;
    case 'audit':
      return <Audit client={client} group={null} />;
    default:
      return (
        <p>
          There is nothing at this address. <a href="#/">Your groups</a>
        </p>
      );
  }
}

function GroupTab({ client, group, tab }: { client: Client; group: string; tab: GroupPage }): JSX.Element {
  switch (tab) {
    case 'members':
      return <Members client={client} group={group} />;
    case 'invitations':
      return <Invitations client={client} group={group} />;
    case 'audit':
      return <Audit client={client} group={group} />;
    case 'revoked':
      return <Revocations client={client} group={group} />;
    default:
      return <></>;
  }
}
