import { describe, expect, it } from 'vitest';

import { href, parseRoute, type Route } from '../portal/route';

describe('parseRoute', () => {
  it('reads what href writes', () => {
    const routes: Exclude<Route, { page: 'unknown' }>[] = [
      { page: 'home' },
      { page: 'group', group: 'a b/ü', tab: 'invitations' },
      { page: 'group', group: 'g', tab: 'jobs', id: 'job-1', part: 'metrics' },
      { page: 'group', group: 'g', tab: 'schedules', id: 'sch/1' },
      { page: 'users' },
      { page: 'user', id: '6f/1 ?#' },
      { page: 'user-new' },
      { page: 'user-import' },
      { page: 'identity' },
      { page: 'audit' }
    ];
    for (const route of routes) {
      expect(parseRoute(href(route))).toEqual(route);
    }
  });

  it('takes a group without a page for its members', () => {
    expect(parseRoute('#/groups/physics')).toEqual({ page: 'group', group: 'physics', tab: 'members' });
    expect(parseRoute('')).toEqual({ page: 'home' });
  });

  it.each([
    '#/groups',
    '#/groups/physics/quota',
    '#/groups/g/members/1',
    '#/groups/g/jobs/1/edit',
    '#/users/1/2/3',
    '#/audit/1',
    '#/nowhere',
    '#/%E0%A4%A'
  ])('knows no %s', hash => expect(parseRoute(hash)).toEqual({ page: 'unknown' }));
});
