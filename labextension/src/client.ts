/** With its bases (`calls.ts`, `jobCalls.ts` and the like) the one place that knows the service's addresses. */

import { PageConfig, URLExt } from '@jupyterlab/coreutils';

import type * as api from './api';
import { compareVersions } from './format';
import { ApiError, CLIENT_VERSION, type Query } from './http';
import { JobCalls } from './jobCalls';
import { renewedToken } from './renewal';
import { follow, type FollowOptions } from './sse';

export { ApiError, CLIENT_VERSION, messageOf, type FailureKind } from './http';
export type { JobQuery } from './jobCalls';

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

/** The hub's and the service's own pages, which the browser opens and nothing fetches. */
export interface Pages {
  hub: string;
  home: string;
  portal: string;
  /** Where one sets what one wants to be told of. */
  notifications: string;
  tokens: string;
  logout: string;
  /** Where an invitation is accepted; asks for a login first. */
  accept: string;
}

export function pagesOf(page: HubPage): Pages {
  const service = page.base.replace(/api\/[^/]+$/, '');
  const hub = service.replace(/services\/collegium\/$/, 'hub/');
  return {
    hub: `${hub}home`,
    home: service,
    portal: `${service}portal`,
    notifications: `${service}portal#/notifications`,
    tokens: `${hub}token`,
    logout: `${hub}logout`,
    accept: `${service}invitation/accept`
  };
}

/** A page of a list that can be searched. */
export interface PageQuery {
  text?: string;
  cursor?: string;
  limit?: number;
}

export interface UserQuery extends PageQuery {
  enabled?: boolean;
}

type Stream = Omit<FollowOptions, 'open'>;

const enc = encodeURIComponent;

/** Typed calls of the REST API; every method throws ApiError. */
export class Client extends JobCalls {
  constructor(readonly page: HubPage) {
    super(page.base, page.token, () => renewedToken(page));
  }

  info = (): Promise<api.InfoOut> => this.json('/info');
  context = (): Promise<api.ContextOut> => this.json('/context');
  group = (group: string): Promise<api.GroupOut> => this.json(`/groups/${enc(group)}`);
  usage = (group: string): Promise<api.UsageOut> => this.json(`/groups/${enc(group)}/usage`);
  catalog = (group: string): Promise<api.CatalogOut> => this.json(`/groups/${enc(group)}/catalog`);
  /** The service's own description; the form is drawn from it. */
  openapi = (): Promise<unknown> => this.json('/openapi.json');

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

  members = (group: string, cursor?: string): Promise<api.MemberPage> =>
    this.json(`/groups/${enc(group)}/members`, { query: { cursor } });

  invitations = (group: string): Promise<api.InvitationList> =>
    this.json(`/groups/${enc(group)}/invitations`);

  invite = (group: string, body: api.InvitationIn): Promise<api.InvitationCreated> =>
    this.send('POST', `/groups/${enc(group)}/invitations`, body);

  revokeInvitation = (group: string, id: string): Promise<unknown> =>
    this.send('DELETE', `/groups/${enc(group)}/invitations/${enc(id)}`);

  lookAtInvitation = (token: string): Promise<api.LookOut> =>
    this.send('POST', '/invitations/look', { token });

  acceptInvitation = (token: string): Promise<api.AcceptedOut> =>
    this.send('POST', '/invitations/accept', { token });

  register = (body: api.RegisterIn): Promise<api.RegisteredOut> =>
    this.send('POST', '/invitations/register', body);

  /** Of one group, or of the platform. */
  audit(group: string | null, query: PageQuery): Promise<api.AuditPage> {
    return this.json(group === null ? '/audit' : `/groups/${enc(group)}/audit`, { query: { ...query } });
  }

  revocations = (group: string): Promise<api.RevocationList> =>
    this.json(`/groups/${enc(group)}/revocations`);

  identity = (): Promise<api.IdentityOut> => this.json('/identity');

  users = (query: UserQuery): Promise<api.UserPage> => this.json('/users', { query: { ...query } });

  user = (id: string): Promise<api.UserDetail> => this.json(`/users/${enc(id)}`);

  /** `key` makes a repeat safe, as with jobs. */
  createUser = (body: api.UserIn, key: string): Promise<api.UserCreated> =>
    this.send('POST', '/users', body, { headers: { 'Idempotency-Key': key } });

  updateUser = (id: string, body: api.UserPatch): Promise<api.UserDetail> =>
    this.send('PATCH', `/users/${enc(id)}`, body);

  deleteUser = (id: string): Promise<unknown> => this.send('DELETE', `/users/${enc(id)}`);

  /** The new password comes back once. */
  resetPassword = (id: string): Promise<api.PasswordOut> =>
    this.send('POST', `/users/${enc(id)}/password`, {});

  mailUser = (id: string, body: api.MailIn): Promise<api.MailOut> =>
    this.send('POST', `/users/${enc(id)}/mail`, body);

  setUserGroups = (id: string, groups: api.UserGroup[]): Promise<api.GroupsOut> =>
    this.send('PUT', `/users/${enc(id)}/groups`, { groups });

  exportUsers = async (): Promise<Blob> => (await this.fetch('/users/export')).blob();

  importUsers = (csv: string, dryRun: boolean, sendMail: boolean): Promise<api.ImportOut> =>
    this.json('/users/import', {
      method: 'POST',
      body: csv,
      headers: { 'Content-Type': 'text/csv' },
      query: { dry_run: dryRun, send_mail: sendMail }
    });

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
}
