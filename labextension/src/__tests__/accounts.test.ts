import { afterEach, describe, expect, it, vi } from 'vitest';

import { menuLinks } from '../accounts/links';
import { changeable, firstRole, offered } from '../accounts/roles';
import { plainWords, splitDomains } from '../accounts/text';
import { Client, pagesOf, readHubPage } from '../client';

const options =
  (values: Record<string, string>) =>
  (name: string): string =>
    values[name] ?? '';
const PAGE = readHubPage(options({ hubPrefix: '/base/hub/', hubUser: 'ann', token: 'secret' }))!;
const titles = (links: { title: string }[]) => links.map(link => link.title);

afterEach(() => vi.unstubAllGlobals());

describe('the profile menu', () => {
  it('has profile and password only where somebody keeps them', () => {
    const local = menuLinks(PAGE, null);
    expect(titles(local)).toEqual([
      'API tokens',
      'Notifications',
      'Your servers',
      'Collegium portal',
      'Log out'
    ]);
    expect(local[0].href).toBe('/base/hub/token');
    const keycloak = menuLinks(
      PAGE,
      {
        profile_url: 'https://login/realms/lab/account/',
        password_url: 'https://login/realms/lab/account/account-security/signing-in',
        tokens_url: '/base/hub/token',
        logout_url: '/base/hub/logout'
      },
      'portal'
    );
    expect(titles(keycloak)).toEqual([
      'Your profile',
      'Change password',
      'API tokens',
      'Notifications',
      'Your servers',
      'Log out'
    ]);
  });
});

describe('pagesOf', () => {
  it('finds hub and service below any base', () => {
    expect(pagesOf(PAGE)).toMatchObject({
      hub: '/base/hub/home',
      portal: '/base/services/collegium/portal',
      accept: '/base/services/collegium/invitation/accept'
    });
  });
});

describe('roles', () => {
  it('are offered only where they can be given', () => {
    const names = (...given: Parameters<typeof offered>) => offered(...given).map(({ role }) => role);
    expect(names('member')).toEqual(['viewer', 'member', 'maintainer', 'admin']);
    expect(names('member', ['viewer', 'member', 'admin'])).toEqual(['viewer', 'member', 'admin']);
    // Kept in an attribute of the group: it is seen, and stays.
    expect(names('admin', ['member'])).toEqual(['member', 'admin']);
    expect(changeable('admin', ['member'])).toBe(false);
    expect(changeable('member', ['member'])).toBe(true);
    expect(changeable('viewer')).toBe(true);
    expect([firstRole(), firstRole(['viewer', 'member']), firstRole(['viewer'])]).toEqual([
      'member',
      'member',
      'viewer'
    ]);
  });
});

describe('text', () => {
  it('reads domains as people write them', () => {
    expect(splitDomains(' @Example.org, lab.example.org;example.org ')).toEqual([
      'example.org',
      'lab.example.org'
    ]);
    expect(splitDomains('  ')).toEqual([]);
    expect(plainWords('UPDATE_PASSWORD')).toBe('update password');
  });
});

describe('Client', () => {
  const answer = (status: number, body: string) => {
    const fetch = vi.fn(async () => new Response(status === 204 ? null : body, { status }));
    vi.stubGlobal('fetch', fetch);
    return fetch as unknown as {
      mock: { calls: [string, RequestInit & { headers: Record<string, string> }][] };
    };
  };

  it('sends an invitation’s token in the body, never in an address', async () => {
    const fetch = answer(200, '{}');
    const client = new Client(PAGE);
    await client.lookAtInvitation('cinv_x');
    await client.acceptInvitation('cinv_x');
    for (const [url, init] of fetch.mock.calls) {
      expect(url).not.toContain('cinv_x');
      expect(init).toMatchObject({ method: 'POST', body: '{"token":"cinv_x"}', credentials: 'omit' });
      expect(init.headers['Content-Type']).toBe('application/json');
    }
  });

  it('sends no empty token from a page that knows nobody', async () => {
    const fetch = answer(200, '{}');
    await new Client({ ...PAGE, token: '' }).lookAtInvitation('cinv_x');
    expect(fetch.mock.calls[0][1].headers).not.toHaveProperty('Authorization');
  });

  it('takes an answer without a body', async () => {
    const fetch = answer(204, '');
    await new Client(PAGE).revokeInvitation('physics', 'a/b');
    expect(fetch.mock.calls[0][0]).toBe('/base/services/collegium/api/v1/groups/physics/invitations/a%2Fb');
    expect(fetch.mock.calls[0][1].method).toBe('DELETE');
  });

  it('asks for the audit log of a group or of the platform', async () => {
    const fetch = answer(200, '{"items":[]}');
    const client = new Client(PAGE);
    await client.audit('physics', { text: 'mia' });
    await client.audit(null, {});
    expect(fetch.mock.calls.map(([url]) => url)).toEqual([
      '/base/services/collegium/api/v1/groups/physics/audit?text=mia',
      '/base/services/collegium/api/v1/audit'
    ]);
  });
});
