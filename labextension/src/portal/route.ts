/** Which page of the portal: what stands behind `#` in the address. */

import * as React from 'react';

export const GROUP_PAGES = [
  'jobs',
  'new-job',
  'schedules',
  'sweeps',
  'queue',
  'files',
  'datasets',
  'new-dataset',
  'activity',
  'notifications',
  'secrets',
  'settings',
  'members',
  'invitations',
  'audit',
  'revoked'
] as const;
/** Those that have a page for each of their objects, and the parts that such a page may have. */
const OBJECTS: Partial<Record<GroupPage, readonly string[]>> = {
  jobs: ['log', 'metrics', 'usage', 'details', 'history', 'artifacts'],
  schedules: ['edit'],
  sweeps: [],
  files: [],
  datasets: ['data', 'versions', 'uses', 'access', 'information']
};
export type GroupPage = (typeof GROUP_PAGES)[number];

export type Route =
  | { page: 'home' }
  | { page: 'group'; group: string; tab: GroupPage; id?: string; part?: string }
  | { page: 'users' }
  | { page: 'user'; id: string }
  | { page: 'user-new' }
  | { page: 'user-import' }
  | { page: 'notifications' }
  | { page: 'datasets' }
  | { page: 'dataset'; id: string }
  | { page: 'new-dataset' }
  | { page: 'volumes' }
  | { page: 'secrets' }
  | { page: 'identity' }
  | { page: 'audit' }
  | { page: 'unknown' };

/** Reads a fragment; what makes no sense is `unknown`, never an error. */
export function parseRoute(hash: string): Route {
  let parts: string[];
  try {
    parts = hash
      .replace(/^#?\/?/, '')
      .split('/')
      .filter(Boolean)
      .map(decodeURIComponent);
  } catch {
    return { page: 'unknown' };
  }
  const [first, second, third, ...rest] = parts;
  if (!first) {
    return { page: 'home' };
  }
  if (first === 'groups' && second) {
    return parseGroup(second, third ?? 'members', rest);
  }
  if (rest.length > 0) {
    return { page: 'unknown' };
  }
  if (third === undefined && first === 'users') {
    return second === undefined ? { page: 'users' } : { page: 'user', id: second };
  }
  if (third === undefined && first === 'datasets') {
    return second === undefined ? { page: 'datasets' } : { page: 'dataset', id: second };
  }
  if (second === undefined && isPlain(first)) {
    return { page: first };
  }
  if (second === undefined && first === 'new-user') {
    return { page: 'user-new' };
  }
  if (second === undefined && first === 'import-users') {
    return { page: 'user-import' };
  }
  return { page: 'unknown' };
}

function parseGroup(group: string, tab: string, [id, part, ...rest]: string[]): Route {
  if (!isGroupPage(tab) || rest.length > 0) {
    return { page: 'unknown' };
  }
  if (id === undefined) {
    return { page: 'group', group, tab };
  }
  const parts = OBJECTS[tab];
  const known = parts && (part === undefined || parts.includes(part));
  return known ? { page: 'group', group, tab, id, ...(part && { part }) } : { page: 'unknown' };
}

/** Pages whose address is their name. */
const PLAIN = ['identity', 'audit', 'notifications', 'volumes', 'secrets', 'new-dataset'] as const;

function isPlain(name: string): name is (typeof PLAIN)[number] {
  return (PLAIN as readonly string[]).includes(name);
}

function isGroupPage(name: string): name is GroupPage {
  return (GROUP_PAGES as readonly string[]).includes(name);
}

/** The fragment of a page. */
export function href(route: Exclude<Route, { page: 'unknown' }>): string {
  switch (route.page) {
    case 'home':
      return '#/';
    case 'group':
      return (
        `#/groups/${encodeURIComponent(route.group)}/${route.tab}` +
        (route.id ? `/${encodeURIComponent(route.id)}` : '') +
        (route.id && route.part ? `/${route.part}` : '')
      );
    case 'user':
      return `#/users/${encodeURIComponent(route.id)}`;
    case 'dataset':
      return `#/datasets/${encodeURIComponent(route.id)}`;
    case 'user-new':
      return '#/new-user';
    case 'user-import':
      return '#/import-users';
    default:
      return `#/${route.page}`;
  }
}

export function go(route: Exclude<Route, { page: 'unknown' }>): void {
  window.location.hash = href(route);
}

/** The page that the address names, as it changes. */
export function useRoute(): Route {
  const [hash, setHash] = React.useState(window.location.hash);
  React.useEffect(() => {
    const changed = () => setHash(window.location.hash);
    window.addEventListener('hashchange', changed);
    return () => window.removeEventListener('hashchange', changed);
  }, []);
  return React.useMemo(() => parseRoute(hash), [hash]);
}
