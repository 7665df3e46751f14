/** The one place that knows the service's addresses. */

import { PageConfig, URLExt } from '@jupyterlab/coreutils';

import type * as api from './api';
import { compareVersions } from './format';
import { follow, type FollowOptions } from './sse';

export const CLIENT_VERSION = '0.1.0';
const API_VERSION = 'v1';
/** A log that is already long is followed from its last MiB; the page would not keep more lines anyway. */
const LOG_TAIL = 1024 * 1024;

/** What JupyterHub's single-user server puts into the page. */
export interface HubPage {
  base: string;
  token: string;
  user: string;
  serverUser: string;
  serverName: string;
}

/** Null when this JupyterLab does not run under a hub. */
export function readHubPage(
  option: (name: string) => string = name => PageConfig.getOption(name)
): HubPage | null {
  const prefix = option('hubPrefix');
  if (!prefix) {
    return null;
  }
  const root = prefix.replace(/hub\/?$/, '');
  return {
    base: option('hubHost') + URLExt.join(root, 'services/collegium/api', API_VERSION),
    token: option('token'),
    user: option('hubUser'),
    serverUser: option('hubServerUser'),
    serverName: option('hubServerName')
  };
}

export type FailureKind = 'network' | 'login' | 'outdated' | 'refused' | 'server';

/** A request that did not succeed. `code` and `details` come from the service where it answered. */
export class ApiError extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly status = 0,
    readonly code = '',
    readonly details: Record<string, unknown> = {},
    readonly requestId = ''
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** The text to show for anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function failureKind(status: number): FailureKind {
  if (status === 401) {
    return 'login';
  }
  // The proxy answers 502 to 504 while the service is away; to the user that is the same as no answer.
  if (status >= 502 && status <= 504) {
    return 'network';
  }
  return status >= 500 ? 'server' : 'refused';
}

const WORDS: Record<FailureKind, string> = {
  network: 'The Collegium service does not answer.',
  login: 'Your login has expired. Log in again, then reload this page.',
  outdated: 'This extension and the service do not fit each other.',
  refused: 'The service refused the request.',
  server: 'The service failed.'
};

async function failure(response: Response): Promise<ApiError> {
  const kind = failureKind(response.status);
  try {
    const { error } = (await response.json()) as api.ErrorOut;
    return new ApiError(
      kind,
      error.message,
      response.status,
      error.code,
      error.details ?? {},
      error.request_id
    );
  } catch {
    // Not our service's answer: the hub's or a proxy's page.
    return new ApiError(kind, `${WORDS[kind]} (HTTP ${response.status})`, response.status);
  }
}

export interface JobQuery {
  state?: string;
  user?: string;
  text?: string;
  limit?: number;
  cursor?: string;
}

type Query = Record<string, string | number | boolean | undefined>;
type Stream = Omit<FollowOptions, 'open'>;

const enc = encodeURIComponent;

/** Typed calls of the REST API; every method throws ApiError. */
export class Client {
  constructor(readonly page: HubPage) {}

  info = (): Promise<api.InfoOut> => this.json('/info');
  context = (): Promise<api.ContextOut> => this.json('/context');
  group = (group: string): Promise<api.GroupOut> => this.json(`/groups/${enc(group)}`);
  usage = (group: string): Promise<api.UsageOut> => this.json(`/groups/${enc(group)}/usage`);
  catalog = (group: string): Promise<api.CatalogOut> => this.json(`/groups/${enc(group)}/catalog`);
  /** The service's own description; the form is drawn from it. */
  openapi = (): Promise<unknown> => this.json('/openapi.json');

  jobs(group: string, query: JobQuery): Promise<api.JobPage> {
    return this.json(`/groups/${enc(group)}/jobs`, { query: { ...query } });
  }

  job = (group: string, id: string): Promise<api.JobDetail> => this.json(this.jobPath(group, id));

  cancel(group: string, id: string): Promise<api.JobOut> {
    return this.json(`${this.jobPath(group, id)}/cancel`, { method: 'POST' });
  }

  rerun(group: string, id: string): Promise<api.JobOut> {
    return this.json(`${this.jobPath(group, id)}/rerun`, { method: 'POST' });
  }

  /** `key` makes a repeat safe: the same key and body give the same job. */
  submit(group: string, body: string, key: string): Promise<api.JobOut> {
    return this.json(`/groups/${enc(group)}/jobs`, {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key }
    });
  }

  artifacts = (group: string, id: string): Promise<api.ArtifactList> =>
    this.json(`${this.jobPath(group, id)}/artifacts`);

  async artifact(group: string, id: string, path: string): Promise<Blob> {
    const escaped = path.split('/').map(enc).join('/');
    return (await this.fetch(`${this.jobPath(group, id)}/artifacts/${escaped}`)).blob();
  }

  async log(group: string, id: string, attempt?: number): Promise<Blob> {
    return (await this.fetch(`${this.jobPath(group, id)}/logs`, { query: { attempt } })).blob();
  }

  followLog(group: string, id: string, stream: Stream): Promise<void> {
    return this.stream(`${this.jobPath(group, id)}/logs`, stream, { follow: true, offset: -LOG_TAIL });
  }

  followEvents(group: string, stream: Stream): Promise<void> {
    return this.stream(`/groups/${enc(group)}/events`, stream);
  }

  /** Throws when this extension and the service do not fit. */
  async checkVersion(): Promise<api.InfoOut> {
    const info = await this.info();
    if (info.api_version !== API_VERSION || compareVersions(CLIENT_VERSION, info.oldest_client) < 0) {
      throw new ApiError(
        'outdated',
        `The hub runs Collegium ${info.version}, which needs at least version ${info.oldest_client} of this ` +
          `extension; your image has ${CLIENT_VERSION}. Start your server with a newer image, or ask whoever keeps it.`
      );
    }
    return info;
  }

  private jobPath(group: string, id: string): string {
    return `/groups/${enc(group)}/jobs/${enc(id)}`;
  }

  private stream(path: string, stream: Stream, query: Query = {}): Promise<void> {
    return follow({
      // Too many requests (429) passes; every other refusal stays one.
      isFinal: error =>
        error instanceof ApiError &&
        (error.kind === 'login' || (error.kind === 'refused' && error.status !== 429)),
      ...stream,
      open: (lastEventId, signal) => {
        const headers: Record<string, string> = { Accept: 'text/event-stream' };
        if (lastEventId) {
          headers['Last-Event-ID'] = lastEventId;
        }
        return this.fetch(path, { query, headers, signal });
      }
    });
  }

  private async json<T>(path: string, init: Request = {}): Promise<T> {
    const response = await this.fetch(path, init);
    try {
      return (await response.json()) as T;
    } catch {
      throw new ApiError('server', 'The service gave an answer that is not JSON.', response.status);
    }
  }

  /** Plain fetch: Lab's ServerConnection refuses addresses outside the single-user server. */
  private async fetch(path: string, init: Request = {}): Promise<Response> {
    const { query, ...rest } = init;
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query ?? {})) {
      if (value !== undefined && value !== '') {
        search.set(key, String(value));
      }
    }
    const tail = search.toString();
    let response: Response;
    try {
      response = await fetch(this.page.base + path + (tail ? `?${tail}` : ''), {
        ...rest,
        // The token says who we are; cookies would only add a second, possibly other, identity.
        credentials: 'omit',
        cache: 'no-store',
        headers: {
          Accept: 'application/json',
          ...init.headers,
          Authorization: `token ${this.page.token}`,
          'X-Collegium-Client': CLIENT_VERSION
        }
      });
    } catch (error) {
      if (init.signal?.aborted) {
        throw error;
      }
      throw new ApiError('network', WORDS.network);
    }
    if (!response.ok) {
      throw await failure(response);
    }
    return response;
  }
}

interface Request {
  method?: string;
  body?: string;
  headers?: Record<string, string>;
  query?: Query;
  signal?: AbortSignal;
}
