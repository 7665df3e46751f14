import { afterEach, describe, expect, it, vi } from 'vitest';

import { artifactTarget, base64, parents } from '../artifacts';
import { type ApiError, Client, readHubPage } from '../client';

const options =
  (values: Record<string, string>) =>
  (name: string): string =>
    values[name] ?? '';

const PAGE = readHubPage(options({ hubPrefix: '/base/hub/', hubUser: 'ann', token: 'secret' }))!;

function answer(status: number, body: unknown): ReturnType<typeof vi.fn> {
  const fetch = vi.fn(
    async () => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status })
  );
  vi.stubGlobal('fetch', fetch);
  return fetch;
}

afterEach(() => vi.unstubAllGlobals());

describe('readHubPage', () => {
  it('finds the service beside the hub', () => {
    expect(PAGE.base).toBe('/base/services/collegium/api/v1');
    const other = readHubPage(options({ hubHost: 'http://hub.local:8000', hubPrefix: '/hub/' }));
    expect(other?.base).toBe('http://hub.local:8000/services/collegium/api/v1');
    expect(readHubPage(options({}))).toBeNull();
  });
});

describe('Client', () => {
  it('sends the token, its version, and no cookies', async () => {
    const fetch = answer(200, { items: [] });
    await new Client(PAGE).jobs('a b', { state: '', user: undefined, text: 'x&y', limit: 5 });
    const [url, init] = fetch.mock.calls[0];
    expect(url).toBe('/base/services/collegium/api/v1/groups/a%20b/jobs?text=x%26y&limit=5');
    expect(init.credentials).toBe('omit');
    expect(init.headers).toMatchObject({ Authorization: 'token secret', 'X-Collegium-Client': '0.1.0' });
  });

  it('keeps the slashes of an artifact’s path and escapes the rest', async () => {
    const fetch = answer(200, 'x');
    await new Client(PAGE).artifact('g', 'j', 'plots/a b#1.png');
    expect(fetch.mock.calls[0][0]).toMatch(/\/artifacts\/plots\/a%20b%231\.png$/);
  });

  it('passes on what the service says', async () => {
    answer(422, {
      error: { code: 'quota_exceeded', message: 'too much', details: { field: 'name' }, request_id: 'r' }
    });
    const error = (await new Client(PAGE).context().catch(e => e)) as ApiError;
    expect(error).toMatchObject({
      kind: 'refused',
      message: 'too much',
      code: 'quota_exceeded',
      status: 422
    });
  });

  it.each([
    [401, 'login'],
    [403, 'refused'],
    [500, 'server'],
    [503, 'network']
  ])('makes sense of a bare %i', async (status, kind) => {
    answer(status, '<html>');
    await expect(new Client(PAGE).context()).rejects.toMatchObject({ kind });
  });

  it('takes a fetch that fails for a service that does not answer', async () => {
    vi.stubGlobal('fetch', async () => {
      throw new TypeError('Failed to fetch');
    });
    await expect(new Client(PAGE).context()).rejects.toMatchObject({ kind: 'network' });
  });

  it('refuses a service of another kind', async () => {
    const info = { name: 'collegium', version: '2', api_version: 'v1', oldest_client: '0.1.0' };
    answer(200, info);
    await expect(new Client(PAGE).checkVersion()).resolves.toEqual(info);
    answer(200, { ...info, oldest_client: '0.2.0' });
    await expect(new Client(PAGE).checkVersion()).rejects.toMatchObject({ kind: 'outdated' });
    answer(200, { ...info, api_version: 'v2' });
    await expect(new Client(PAGE).checkVersion()).rejects.toMatchObject({ kind: 'outdated' });
  });
});

describe('artifacts', () => {
  it('stays below the job’s directory', () => {
    expect(artifactTarget('job-artifacts/', 'j1', 'a/b.png')).toBe('job-artifacts/j1/a/b.png');
    for (const path of ['../x', 'a/../../x', '/etc/passwd', 'a//b', '.', 'a\\b']) {
      expect(() => artifactTarget('d', 'j', path)).toThrow();
    }
    expect(parents('a/b/c.txt')).toEqual(['a', 'a/b']);
  });

  it('encodes bytes', async () => {
    const data = new Uint8Array(100_000).map((_, i) => i % 256);
    expect(await base64(new Blob([data]))).toBe(Buffer.from(data).toString('base64'));
  });
});
