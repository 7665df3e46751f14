/** Typed calls for jobs in numbers, schedules and queues; `client.ts` has the rest. */

import type * as api from './api';
import { Calls } from './calls';

const enc = encodeURIComponent;
const of = (group: string) => `/groups/${enc(group)}`;
const schedule = (group: string, id: string) => `${of(group)}/schedules/${enc(id)}`;

export interface JobQuery {
  state?: string;
  user?: string;
  text?: string;
  tag?: string;
  kind?: string;
  sort?: string;
  total?: boolean;
  limit?: number;
  cursor?: string;
}

export interface ScheduleQuery {
  state?: string;
  user?: string;
  text?: string;
  limit?: number;
  cursor?: string;
}

/** Below `Client`, which most callers have; every method throws ApiError. */
export class JobCalls extends Calls {
  jobs(group: string, query: JobQuery): Promise<api.JobPage> {
    return this.json(`${of(group)}/jobs`, { query: { ...query } });
  }

  editJob = (group: string, id: string, body: api.JobEdit): Promise<api.JobOut> =>
    this.send('PATCH', `${of(group)}/jobs/${enc(id)}`, body);

  bulk = (group: string, body: api.BulkIn): Promise<api.BulkOut> =>
    this.send('POST', `${of(group)}/jobs/bulk`, body);

  tags = (group: string): Promise<api.TagList> => this.json(`${of(group)}/tags`);

  /** What a notebook's parameters cell declares. */
  cellParameters = (group: string, source: string): Promise<api.ParameterList> =>
    this.send('POST', `${of(group)}/notebook-parameters`, { source });

  groupSettings = (group: string): Promise<api.SettingsOut> => this.json(`${of(group)}/settings`);

  setGroupSettings = (group: string, body: api.SettingsIn): Promise<api.SettingsOut> =>
    this.send('PATCH', `${of(group)}/settings`, body);

  queue = (group: string): Promise<api.QueueOut> => this.json(`${of(group)}/queue`);

  setQueue = (group: string, body: api.QueueIn): Promise<api.QueueOut> =>
    this.send('PATCH', `${of(group)}/queue`, body);

  schedules = (group: string, query: ScheduleQuery): Promise<api.SchedulePage> =>
    this.json(`${of(group)}/schedules`, { query: { ...query } });

  schedule = (group: string, id: string): Promise<api.ScheduleDetail> => this.json(schedule(group, id));

  previewSchedule = (group: string, body: api.PreviewIn): Promise<api.PreviewOut> =>
    this.send('POST', `${of(group)}/schedules/preview`, body);

  createSchedule = (group: string, body: api.ScheduleIn): Promise<api.ScheduleDetail> =>
    this.send('POST', `${of(group)}/schedules`, body);

  updateSchedule = (group: string, id: string, body: api.SchedulePatch): Promise<api.ScheduleDetail> =>
    this.send('PATCH', schedule(group, id), body);

  deleteSchedule = (group: string, id: string): Promise<unknown> => this.send('DELETE', schedule(group, id));

  pauseSchedule = (group: string, id: string): Promise<unknown> =>
    this.send('POST', `${schedule(group, id)}/pause`);

  /** `takeOver`: its jobs are mine from now on. */
  resumeSchedule = (group: string, id: string, takeOver: boolean): Promise<unknown> =>
    this.send('POST', `${schedule(group, id)}/resume`, { take_over: takeOver });

  runSchedule = (group: string, id: string): Promise<unknown> =>
    this.send('POST', `${schedule(group, id)}/run`);

  scheduleRuns = (group: string, id: string, cursor?: string): Promise<api.ScheduleRunPage> =>
    this.json(`${schedule(group, id)}/runs`, { query: { cursor } });
}
