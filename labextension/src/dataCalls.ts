/** Typed calls for datasets, and for the platform's datasets, volumes and secrets; `client.ts` has the rest. */

import type * as api from './api';
import { FileCalls } from './fileCalls';

const enc = encodeURIComponent;
const of = (group: string, name?: string) =>
  `/groups/${enc(group)}/datasets${name === undefined ? '' : `/${enc(name)}`}`;
const version = (group: string, name: string, number: number) => `${of(group, name)}/versions/${number}`;

export interface DatasetQuery {
  search?: string;
  tag?: string;
  cursor?: string;
  limit?: number;
}

export interface UseQuery {
  version?: number;
  kind?: string;
  cursor?: string;
  limit?: number;
}

/** Below `Client`, which most callers have; every method throws ApiError. */
export class DataCalls extends FileCalls {
  datasets = (group: string, query: DatasetQuery = {}): Promise<api.DatasetPage> =>
    this.json(of(group), { query: { ...query } });

  dataset = (group: string, name: string): Promise<api.DatasetDetail> => this.json(of(group, name));

  createDataset = (group: string, body: api.DatasetIn): Promise<api.DatasetDetail> =>
    this.send('POST', of(group), body);

  updateDataset = (group: string, name: string, body: api.DatasetPatch): Promise<api.DatasetDetail> =>
    this.send('PATCH', of(group, name), body);

  deleteDataset = (group: string, name: string): Promise<unknown> => this.send('DELETE', of(group, name));

  copyIntoDataset = (group: string, name: string, paths: string[], target = ''): Promise<api.FileTaskOut> =>
    this.send('POST', `${of(group, name)}/copy`, { paths, target });

  datasetVersions = (group: string, name: string, cursor?: string): Promise<api.VersionPage> =>
    this.json(`${of(group, name)}/versions`, { query: { cursor } });

  datasetVersion = (group: string, name: string, number: number): Promise<api.VersionDetail> =>
    this.json(version(group, name, number));

  makeVersion = (group: string, name: string, body: api.VersionIn): Promise<api.VersionOut> =>
    this.send('POST', `${of(group, name)}/versions`, body);

  deleteVersion = (group: string, name: string, number: number): Promise<unknown> =>
    this.send('DELETE', version(group, name, number));

  manifest = (group: string, name: string, number: number, cursor?: string): Promise<api.ManifestPage> =>
    this.json(`${version(group, name, number)}/manifest`, { query: { cursor } });

  datasetUses = (group: string, name: string, query: UseQuery = {}): Promise<api.UsePage> =>
    this.json(`${of(group, name)}/uses`, { query: { ...query } });

  grantDataset = (
    group: string,
    name: string,
    other: string,
    access: api.AccessMode
  ): Promise<api.DatasetDetail> => this.send('PUT', `${of(group, name)}/grants/${enc(other)}`, { access });

  /** Tells who still holds what is taken away. */
  revokeDataset = (group: string, name: string, other: string): Promise<api.RevokedOut> =>
    this.send('DELETE', `${of(group, name)}/grants/${enc(other)}`);

  allDatasets = (query: DatasetQuery = {}): Promise<api.PlatformDatasetPage> =>
    this.json('/datasets', { query: { ...query } });

  anyDataset = (name: string): Promise<api.PlatformDataset> => this.json(`/datasets/${enc(name)}`);

  defineDataset = (body: api.PlatformDatasetIn): Promise<api.PlatformDataset> =>
    this.send('POST', '/datasets', body);

  changeDataset = (name: string, body: api.PlatformDatasetPatch): Promise<api.PlatformDataset> =>
    this.send('PATCH', `/datasets/${enc(name)}`, body);

  dropDataset = (name: string): Promise<unknown> => this.send('DELETE', `/datasets/${enc(name)}`);

  grantAny = (name: string, group: string, access: api.AccessMode): Promise<unknown> =>
    this.send('PUT', `/datasets/${enc(name)}/grants/${enc(group)}`, { access });

  revokeAny = (name: string, group: string): Promise<api.RevokedOut> =>
    this.send('DELETE', `/datasets/${enc(name)}/grants/${enc(group)}`);

  volumes = (cursor?: string): Promise<api.VolumePage> => this.json('/volumes', { query: { cursor } });

  resizeVolume = (body: api.ResizeIn): Promise<unknown> => this.send('POST', '/volumes/resize', body);

  platformSecrets = (): Promise<api.PlatformSecretList> => this.json('/secrets');

  setPlatformSecret = (name: string, body: api.PlatformSecretIn): Promise<unknown> =>
    this.send('PUT', `/secrets/${enc(name)}`, body);

  deletePlatformSecret = (name: string): Promise<unknown> => this.send('DELETE', `/secrets/${enc(name)}`);
}
