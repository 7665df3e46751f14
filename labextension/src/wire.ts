/** Wire types of parts whose description is not generated yet. */

import type { JobIn, JobState, JsonValue } from './api';

export type { ChannelOut } from './api';

export type Values = Record<string, JsonValue>;
export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

export interface ObjectiveIn {
  metric: string;
  goal: 'minimize' | 'maximize';
}

export interface AxisIn {
  values?: JsonValue[];
  start?: number;
  stop?: number;
  step?: number;
  count?: number;
  log?: boolean;
  low?: number;
  high?: number;
  whole?: boolean;
}

export interface SpaceIn {
  grid?: Record<string, AxisIn>;
  random?: { space: Record<string, AxisIn>; count: number; seed?: number };
  list?: Values[];
  array?: number;
}

export interface SweepIn extends SpaceIn {
  name: string;
  job: Omit<JobIn, 'name'>;
  concurrency?: number;
  objective?: ObjectiveIn | null;
  priority?: number;
  tags?: string[];
  notes?: string;
}

export interface SweepPreview {
  total: number;
  points: Values[];
}

export interface BestOut {
  job: string;
  point: number;
  value: number;
  values: Values;
}

export interface SweepOut {
  id: string;
  group: string;
  user: string;
  name: string;
  state: JobState;
  message: string;
  kind: 'grid' | 'random' | 'list' | 'array';
  total: number;
  made: number;
  counts: Record<string, number>;
  concurrency: number;
  objective: ObjectiveIn | null;
  best: BestOut | null;
  priority: number;
  tags: string[];
  notes: string;
  created_at: string;
  finished_at: string | null;
}

export interface SweepDetail extends SweepOut {
  spec: Record<string, unknown>;
  space: Record<string, unknown>;
}

export interface PointOut {
  point: number;
  values: Values;
  job: string | null;
  state: JobState | null;
  value: number | null;
}

export interface SeriesOut {
  key: string;
  step: number;
  value: number;
  minimum: number;
  maximum: number;
  count: number;
  points: [number, number][];
}

export interface MetricsOut {
  items: SeriesOut[];
  problems: string[];
}

export interface ComparedOut {
  key: string;
  keys: string[];
  items: { job: string; name: string; point: number | null; values: Values; points: [number, number][] }[];
}

export interface JobUsageOut {
  attempt: number;
  started_at: string | null;
  cpu: [number, number][];
  memory: [number, number][];
  gpu: [number, number][];
  gpu_memory: [number, number][];
  limits: { cpu?: number | null; memory?: number | null; gpu?: number | null };
}

export interface SecretOut {
  name: string;
  description: string;
  created_by: string;
  created_at: string;
  updated_at: string;
  used_by: number;
}
