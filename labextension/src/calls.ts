/** Typed calls for what surrounds a job: sweeps, figures, notifications, activity and secrets. `client.ts` has the rest. */

import type * as api from './api';
import { DataCalls } from './dataCalls';

const enc = encodeURIComponent;
const of = (group: string) => `/groups/${enc(group)}`;
const sweep = (group: string, id: string) => `${of(group)}/sweeps/${enc(id)}`;
const channel = (group: string, name: string) => `${of(group)}/channels/${enc(name)}`;

export interface ActivityQuery {
  kind?: string;
  user?: string;
  mine?: boolean;
  cursor?: string;
  limit?: number;
}

/** Below `Client`, which most callers have; every method throws ApiError. */
export class Calls extends DataCalls {
  sweeps = (group: string, cursor?: string, limit?: number): Promise<api.SweepPage> =>
    this.json(`${of(group)}/sweeps`, { query: { cursor, limit } });

  sweep = (group: string, id: string): Promise<api.SweepDetail> => this.json(sweep(group, id));

  sweepPoints = (group: string, id: string, cursor?: string): Promise<api.PointPage> =>
    this.json(`${sweep(group, id)}/points`, { query: { cursor, limit: 200 } });

  previewSweep = (group: string, body: api.SweepIn): Promise<api.SweepPreview> =>
    this.send('POST', `${of(group)}/sweeps/preview`, body);

  /** `key` makes a repeat safe: the same key and body give the same sweep. */
  submitSweep = (group: string, body: api.SweepIn, key: string): Promise<api.SweepOut> =>
    this.send('POST', `${of(group)}/sweeps`, body, { headers: { 'Idempotency-Key': key } });

  cancelSweep = (group: string, id: string): Promise<api.SweepOut> =>
    this.send('POST', `${sweep(group, id)}/cancel`, {});

  deleteSweep = (group: string, id: string): Promise<unknown> => this.send('DELETE', sweep(group, id));

  metrics = (group: string, job: string): Promise<api.FiguresOut> =>
    this.json(`${of(group)}/jobs/${enc(job)}/metrics`);

  compareMetrics = (group: string, sweep: string, key?: string): Promise<api.ComparisonOut> =>
    this.json(`${of(group)}/metrics`, { query: { sweep, key } });

  jobUsage = (group: string, job: string): Promise<api.JobUsageOut> =>
    this.json(`${of(group)}/jobs/${enc(job)}/usage`);

  channels = (group: string): Promise<api.ChannelList> => this.json(`${of(group)}/channels`);

  createChannel = (group: string, body: api.ChannelIn): Promise<api.ChannelOut> =>
    this.send('POST', `${of(group)}/channels`, body);

  updateChannel = (group: string, name: string, body: api.ChannelPatch): Promise<api.ChannelOut> =>
    this.send('PATCH', channel(group, name), body);

  deleteChannel = (group: string, name: string): Promise<unknown> =>
    this.send('DELETE', channel(group, name));

  testChannel = (group: string, name: string): Promise<unknown> =>
    this.send('POST', `${channel(group, name)}/test`, {});

  deliveries = (group: string, name: string, cursor?: string): Promise<api.DeliveryPage> =>
    this.json(`${channel(group, name)}/deliveries`, { query: { cursor } });

  ownNotifications = (): Promise<api.OwnOut> => this.json('/notifications');

  setOwnNotifications = (body: api.OwnIn): Promise<api.OwnOut> => this.send('PUT', '/notifications', body);

  /** Of one group, or of all that one is in. */
  activity = (group: string | null, query: ActivityQuery): Promise<api.ActivityPage> =>
    this.json(`${group === null ? '' : of(group)}/activity`, { query: { ...query } });

  secrets = (group: string): Promise<api.SecretList> => this.json(`${of(group)}/secrets`);

  setSecret = (group: string, name: string, body: api.SecretIn): Promise<unknown> =>
    this.send('PUT', `${of(group)}/secrets/${enc(name)}`, body);

  deleteSecret = (group: string, name: string): Promise<unknown> =>
    this.send('DELETE', `${of(group)}/secrets/${enc(name)}`);
}
