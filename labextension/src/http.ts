/** How the service is asked: one fetch, one kind of error. */

import type * as api from './api';

export const CLIENT_VERSION = '0.1.0';

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

/** What a refusal says. */
export async function failure(response: Response): Promise<ApiError> {
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

export type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export interface Request {
  method?: string;
  body?: string | Blob | ArrayBuffer;
  headers?: Record<string, string>;
  query?: Query;
  signal?: AbortSignal;
}

/** Gives a token that may be newer than the one that was refused; empty when there is none to be had. */
export type Renewal = () => Promise<string>;

/** Requests below one address with one token; without a token only what is public is answered. */
export class Http {
  private renewing: Promise<boolean> | null = null;

  constructor(
    readonly base: string,
    protected token: string,
    private readonly renewal: Renewal = () => Promise.resolve('')
  ) {}

  protected async json<T>(path: string, init: Request = {}): Promise<T> {
    const response = await this.fetch(path, init);
    try {
      return (await response.json()) as T;
    } catch {
      throw new ApiError('server', 'The service gave an answer that is not JSON.', response.status);
    }
  }

  /** Sends JSON; an answer without a body is undefined. */
  protected async send<T>(method: string, path: string, body?: unknown, init: Request = {}): Promise<T> {
    const content =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...init.headers } };
    const response = await this.fetch(path, { ...init, method, ...content });
    const text = await response.text();
    try {
      return (text ? JSON.parse(text) : undefined) as T;
    } catch {
      throw new ApiError('server', 'The service gave an answer that is not JSON.', response.status);
    }
  }

  /** Throws unless the service did what it was asked. */
  protected async fetch(path: string, init: Request = {}): Promise<Response> {
    const response = await this.answer(path, init);
    if (!response.ok) {
      throw await failure(response);
    }
    return response;
  }

  /**
   * Whatever the service answers. A token that has ended is renewed once, so that what takes hours goes on.
   *
   * Plain fetch: Lab's ServerConnection refuses addresses outside the single-user server.
   */
  protected async answer(path: string, init: Request = {}): Promise<Response> {
    const { query, ...rest } = init;
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query ?? {})) {
      for (const one of Array.isArray(value) ? (value as string[]) : [value]) {
        if (one !== undefined && one !== '') {
          search.append(key, String(one));
        }
      }
    }
    const tail = search.toString();
    const address = this.base + path + (tail ? `?${tail}` : '');
    const before = this.token;
    const response = await this.once(address, rest);
    if (response.status === 401 && before && (await this.renew(before))) {
      return this.once(address, rest);
    }
    return response;
  }

  private async once(address: string, init: Omit<Request, 'query'>): Promise<Response> {
    try {
      return await fetch(address, {
        ...init,
        // The token says who we are; cookies would only add a second, possibly other, identity.
        credentials: 'omit',
        cache: 'no-store',
        headers: {
          Accept: 'application/json',
          ...init.headers,
          ...(this.token ? { Authorization: `token ${this.token}` } : {}),
          'X-Collegium-Client': CLIENT_VERSION
        }
      });
    } catch (error) {
      if (init.signal?.aborted) {
        throw error;
      }
      throw new ApiError('network', WORDS.network);
    }
  }

  /** True if there is another token now; many that ask at once share one answer. */
  private renew(before: string): Promise<boolean> {
    if (this.token !== before) {
      return Promise.resolve(true);
    }
    this.renewing ??= this.renewal()
      .catch(() => '')
      .then(token => {
        const news = token !== '' && token !== before;
        this.token = news ? token : before;
        return news;
      })
      .finally(() => (this.renewing = null));
    return this.renewing;
  }
}
