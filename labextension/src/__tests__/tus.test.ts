import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Client, readHubPage } from '../client';
import { tusSender } from '../files/uploads/tusSender';
import type { Sending } from '../files/uploads/sender';
import { ChunkedUploads } from '../drive/chunked';
import { settingsIn } from '../renewal';

const PAGE = readHubPage(
  name => ({ hubHost: 'http://hub', hubPrefix: '/hub/', hubUser: 'ann', token: 'old' })[name] ?? ''
)!;
const UPLOADS = 'http://hub/services/collegium/api/v1/groups/g/files/uploads';

interface Asked {
  method: string;
  url: string;
  headers: Record<string, string>;
  credentials?: string;
}

/** A service that keeps what comes, and can be made to fail. */
class Service {
  bytes: Uint8Array = new Uint8Array();
  size: number | null = null;
  metadata = '';
  asked: Asked[] = [];
  token = 'old';
  fail: ((asked: Asked, count: number) => Response | 'lost' | 'cut' | null) | null = null;
  state = 'Done';

  fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const headers = init.headers as Record<string, string>;
    const method = init.method ?? 'GET';
    const asked = { method, url, headers, credentials: init.credentials };
    if (!url.startsWith(UPLOADS)) {
      return new Response(
        `<script id="jupyter-config-data" type="application/json">{"hubUser":"ann","token":"${this.token}"}</script>`
      );
    }
    this.asked.push(asked);
    const planned = this.fail?.(asked, this.asked.length);
    if (planned === 'lost') {
      throw new TypeError('Failed to fetch');
    }
    if (planned instanceof Response) {
      return planned;
    }
    if (headers.Authorization !== `token ${this.token}`) {
      return new Response('{}', { status: 401 });
    }
    const body = new Uint8Array(await new Blob(init.body ? [init.body as BlobPart] : []).arrayBuffer());
    return this.answer(method, url, headers, planned === 'cut' ? body.slice(0, 3) : body, planned === 'cut');
  };

  private answer(
    method: string,
    url: string,
    headers: Record<string, string>,
    body: Uint8Array,
    cut: boolean
  ): Response {
    if (method === 'GET') {
      return Response.json({ id: 'u1', state: this.state, message: '' });
    }
    if (method === 'POST') {
      this.size = headers['Upload-Length'] ? Number(headers['Upload-Length']) : null;
      this.metadata = headers['Upload-Metadata'];
    } else if (!url.endsWith('/u1')) {
      return new Response('{}', { status: 404 });
    }
    if (method === 'PATCH' && Number(headers['Upload-Offset']) !== this.bytes.length) {
      return new Response('{}', { status: 409 });
    }
    this.size = headers['Upload-Length'] ? Number(headers['Upload-Length']) : this.size;
    this.bytes = new Uint8Array([...this.bytes, ...body]);
    if (cut) {
      throw new TypeError('Failed to fetch');
    }
    return new Response(null, {
      status: method === 'POST' ? 201 : 204,
      headers: {
        'Upload-Offset': String(this.bytes.length),
        ...(this.size !== null && { 'Upload-Length': String(this.size) }),
        ...(method === 'POST' && { Location: '/services/collegium/api/v1/groups/g/files/uploads/u1' })
      }
    });
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }
}

const sendingOf = (text: string, more: Partial<Sending> = {}): Sending => ({
  group: 'g',
  path: 'in/ä.txt',
  file: new File([text], 'ä.txt'),
  replace: false,
  id: null,
  signal: new AbortController().signal,
  began: vi.fn(),
  progress: vi.fn(),
  stalled: vi.fn(),
  ...more
});

describe('tusSender', () => {
  let service: Service;
  let client: Client;
  beforeEach(() => {
    service = new Service();
    vi.stubGlobal('fetch', service.fetch);
    vi.stubGlobal('window', { location: { href: 'http://hub/services/collegium/portal#/x' } });
    client = new Client(PAGE);
  });
  afterEach(() => vi.unstubAllGlobals());

  it('sends a small file with the request that begins it, with our token and no cookies', async () => {
    const sending = sendingOf('hello');
    await tusSender(client)(sending);
    expect(service.text).toBe('hello');
    expect(service.asked.map(a => a.method)).toEqual(['POST', 'GET']);
    expect(service.asked.every(a => a.credentials === 'omit')).toBe(true);
    expect(service.asked[0].headers['Upload-Checksum']).toMatch(/^sha256 .{44}$/);
    expect(atob(service.metadata.split(' ')[1])).toBe('in/\xc3\xa4.txt');
    expect(sending.began).toHaveBeenCalledWith('u1');
  });

  it('goes on where the service is when a piece is lost half-way', async () => {
    service.bytes = new TextEncoder().encode('01');
    service.size = 10;
    let cuts = 1;
    service.fail = asked => (asked.method === 'PATCH' && cuts-- > 0 ? 'cut' : null);
    const sending = sendingOf('0123456789', { id: 'u1' });
    await tusSender(client)(sending);
    expect(service.text).toBe('0123456789');
    expect(service.asked.map(a => a.method)).toEqual(['HEAD', 'PATCH', 'HEAD', 'PATCH', 'GET']);
    expect(vi.mocked(sending.stalled).mock.calls[0][0]).toContain('does not answer');
  });

  it('takes the next token when the old one ends, and goes on', async () => {
    service.token = 'new';
    await tusSender(client)(sendingOf('hello'));
    expect(service.text).toBe('hello');
    expect(service.asked.map(a => a.headers.Authorization)).toEqual(['token old', 'token new', 'token new']);
  });

  it('does not try again what was refused, and says what the service said', async () => {
    const full = { error: { code: 'storage_full', message: 'The group has no storage left.', details: {} } };
    service.fail = () => Response.json(full, { status: 507 });
    await expect(tusSender(client)(sendingOf('hello'))).rejects.toThrow('The group has no storage left.');
    expect(service.asked.length).toBe(1);
  });

  it('stops when it is told so, and says so', async () => {
    const scope = new AbortController();
    service.fail = asked => {
      if (asked.method === 'HEAD') {
        scope.abort();
      }
      return null;
    };
    service.size = 10;
    const sending = sendingOf('0123456789', { id: 'u1', signal: scope.signal });
    await expect(tusSender(client)(sending)).rejects.toMatchObject({ name: 'AbortError' });
    expect(service.bytes.length).toBe(0);
  });

  it('sends what Lab gives in pieces as one upload', async () => {
    const chunked = new ChunkedUploads();
    expect(await chunked.add(client, 'g', 'x', 1, new Blob(['0123']))).toBe(false);
    await expect(chunked.add(client, 'g', 'x', 3, new Blob(['no']))).rejects.toThrow('wrong order');
    expect(await chunked.add(client, 'g', 'x', -1, new Blob(['45']))).toBe(true);
    expect([service.text, service.size]).toEqual(['012345', 6]);
  });
});

describe('settingsIn', () => {
  it('reads what a page knows, and takes nothing from others', () => {
    expect(settingsIn('<script id="jupyter-config-data" type="x">{"token": "t"}</script>')).toEqual({
      token: 't'
    });
    expect(settingsIn('<html>login</html>')).toEqual({});
    expect(settingsIn('<script id="jupyter-config-data">{</script>')).toEqual({});
  });
});
