/**
 * Wire types of the Collegium REST API.
 *
 * `jlpm generate-api` replaces this file with one made from the service's OpenAPI description; until that was done
 * once it is written by hand, with the same names.
 */

export type Role = 'viewer' | 'member' | 'maintainer' | 'admin';
export type JobState = 'Pending' | 'Preparing' | 'Running' | 'Succeeded' | 'Failed' | 'Cancelled';
export type JobReason = string;
export type JobKind = 'command' | 'notebook';
export type WorkloadKind = 'server' | 'job' | 'deployment' | 'app';
export type JsonValue = unknown;

export interface InfoOut {
  name: string;
  version: string;
  api_version: string;
  oldest_client: string;
}

export interface UserOut {
  name: string;
  platform_admin: boolean;
}

export interface GroupRef {
  name: string;
  display_name: string;
  description: string;
  role: Role | null;
}

export interface ServerOut {
  name: string;
  group: string;
  instance_type: string;
  since: string;
}

export interface ContextOut {
  user: UserOut;
  groups: GroupRef[];
  servers: ServerOut[];
  no_group_message: string;
  notice: string;
}

export interface PermissionOut {
  allowed: boolean;
  reason: string;
}

export interface GroupOut extends GroupRef {
  contact: string;
  admins: string[];
  operations: Record<string, PermissionOut>;
}

export interface QuotaLine {
  resource: string;
  unit: 'millicores' | 'bytes' | 'count';
  used: number;
  limit: number | null;
  used_text: string;
  limit_text: string | null;
}

export interface HolderOut {
  user: string;
  kind: WorkloadKind;
  id: string;
  label: string;
  state: string;
  instance_type: string;
  resources: Record<string, string>;
  since: string;
}

export interface UsageOut {
  group: QuotaLine[];
  mine: QuotaLine[];
  by_kind: Record<string, Record<string, string>>;
  by_member: Record<string, Record<string, string>>;
  holders: HolderOut[];
}

export interface InstanceTypeOut {
  name: string;
  display_name: string;
  description: string;
  resources: Record<string, string>;
  summary: string;
  fits: 'now' | 'wait' | 'never';
  reason: string;
  left: Record<string, string>;
}

export interface ImageOut {
  name: string;
  display_name: string;
  description: string;
}

export interface DatasetOut {
  name: string;
  display_name: string;
  description: string;
  kind: string;
  access: string;
}

export interface CatalogOut {
  instance_types: InstanceTypeOut[];
  images: ImageOut[];
  datasets: DatasetOut[];
}

export interface NotebookIn {
  path: string;
  parameters?: Record<string, JsonValue>;
  kernel?: string;
}

export interface WorkingDirectoryIn {
  path?: string;
  files?: string[] | null;
}

export interface JobIn {
  name: string;
  command?: string;
  notebook?: NotebookIn | null;
  instance_type: string;
  image: string;
  environment?: Record<string, string>;
  working_directory?: WorkingDirectoryIn | null;
  timeout_seconds?: number;
  retries?: number;
}

export interface JobOut {
  id: string;
  group: string;
  user: string;
  name: string;
  kind: JobKind;
  state: JobState;
  reason: JobReason;
  message: string;
  queue_position?: number | null;
  attempt: number;
  max_attempts: number;
  exit_code?: number | null;
  image: string;
  instance_type: string;
  resources: Record<string, string>;
  created_at: string;
  started_at?: string | null;
  finished_at?: string | null;
  cancel_requested_by?: string | null;
  rerun_of?: string | null;
}

export interface EventOut {
  sequence: number;
  kind: string;
  id: string;
  at: string;
  state: string;
  reason: string;
  message: string;
}

export interface JobDetail extends JobOut {
  spec: Record<string, unknown>;
  launch: Record<string, unknown>;
  history: EventOut[];
}

export interface JobPage {
  items: JobOut[];
  next_cursor?: string | null;
}

export interface ArtifactOut {
  path: string;
  size: number;
  modified_at: string;
  media_type: string;
}

export interface ArtifactList {
  items: ArtifactOut[];
}

export interface ErrorBody {
  code: string;
  message: string;
  details?: Record<string, unknown>;
  request_id: string;
}

export interface ErrorOut {
  error: ErrorBody;
}
