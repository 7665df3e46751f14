/** What stands in the profile menu. */

import type { AccountLinks } from '../api';
import { pagesOf, type HubPage } from '../client';
import type { MenuLink } from './ProfileMenu';

/** Profile and password are Keycloak's; without it there is neither. `here` leaves out the page one is on. */
export function menuLinks(page: HubPage, account: AccountLinks | null | undefined, here = ''): MenuLink[] {
  const pages = pagesOf(page);
  const all: (MenuLink | null)[] = [
    link('Your profile', account?.profile_url, 'profile'),
    link('Change password', account?.password_url, 'password'),
    link('API tokens', account?.tokens_url || pages.tokens, 'tokens'),
    link('Notifications', pages.notifications, 'notifications'),
    link('Your servers', pages.hub, 'servers'),
    link('Collegium portal', pages.portal, 'portal'),
    link('Log out', account?.logout_url || pages.logout, 'logout')
  ];
  return all.filter((item): item is MenuLink => item !== null && item.testid !== `collegium-menu-${here}`);
}

function link(title: string, href: string | null | undefined, name: string): MenuLink | null {
  return href ? { title, href, testid: `collegium-menu-${name}` } : null;
}
