/** Typed calls for a group's shared files, uploads and links; `client.ts` has the rest. */

import type * as api from './api';
import { Http, type Request } from './http';

const enc = encodeURIComponent;
const of = (group: string) => `/groups/${enc(group)}/files`;
const upload = (group: string, id: string) => `${of(group)}/uploads/${enc(id)}`;

export interface FileQuery {
  path: string;
  sort?: 'name' | 'size' | 'modified';
  descending?: boolean;
  search?: string;
  limit?: number;
  cursor?: string;
}

/** Below `Client`, which most callers have; every method but `uploadRequest` throws ApiError. */
export class FileCalls extends Http {
  files = (group: string, query: FileQuery, signal?: AbortSignal): Promise<api.EntryPage> =>
    this.json(of(group), { query: { ...query }, signal });

  fileEntry = (group: string, path: string): Promise<api.EntryDetail> =>
    this.json(`${of(group)}/entry`, { query: { path } });

  /** The answer itself: a large file need not be in memory. */
  fileContent = (group: string, path: string, init: Request = {}): Promise<Response> =>
    this.fetch(`${of(group)}/content`, {
      ...init,
      headers: { Accept: '*/*', ...init.headers },
      query: { path, download: true }
    });

  /** At most 64 MiB. `match`: the etag that is to be replaced, or `*new*` if nothing may be there yet. */
  putFile(group: string, path: string, body: Blob, match?: string): Promise<api.EntryOut> {
    const condition: Record<string, string> =
      match === undefined ? {} : match === '*new*' ? { 'If-None-Match': '*' } : { 'If-Match': `"${match}"` };
    return this.json(`${of(group)}/content`, {
      method: 'PUT',
      query: { path },
      body,
      headers: { 'Content-Type': 'application/octet-stream', ...condition }
    });
  }

  filePreview = (group: string, path: string, rows?: number): Promise<api.FilePreviewOut> =>
    this.json(`${of(group)}/preview`, { query: { path, rows } });

  fileChecksum = (group: string, path: string): Promise<api.ChecksumOut> =>
    this.json(`${of(group)}/checksum`, { query: { path } });

  /** A zip of all of them, as it is made. */
  fileArchive = (group: string, paths: readonly string[], signal?: AbortSignal): Promise<Response> =>
    this.fetch(`${of(group)}/archive`, { query: { path: paths }, headers: { Accept: '*/*' }, signal });

  makeFolder = (group: string, path: string): Promise<api.EntryOut> =>
    this.send('POST', `${of(group)}/folders`, { path });

  moveFile = (group: string, source: string, target: string, replace = false): Promise<api.FileTaskOut> =>
    this.send('POST', `${of(group)}/move`, { source, target, replace });

  copyFile = (group: string, source: string, target: string, replace = false): Promise<api.FileTaskOut> =>
    this.send('POST', `${of(group)}/copy`, { source, target, replace });

  /** Makes a folder of what is in an archive; `target` is that folder. */
  unpackFile = (group: string, source: string, target: string): Promise<api.FileTaskOut> =>
    this.send('POST', `${of(group)}/unpack`, { source, target, replace: false });

  /** Into the trash. */
  deleteFiles = (group: string, paths: readonly string[]): Promise<api.FileTaskOut> =>
    this.send('POST', `${of(group)}/delete`, { paths });

  fileTasks = (group: string): Promise<api.FileTaskPage> => this.json(`${of(group)}/tasks`);

  fileTask = (group: string, id: string): Promise<api.FileTaskOut> =>
    this.json(`${of(group)}/tasks/${enc(id)}`);

  trash = (group: string, cursor?: string): Promise<api.TrashPage> =>
    this.json(`${of(group)}/trash`, { query: { cursor } });

  restoreFile = (group: string, id: string, path: string | null = null): Promise<api.FileTaskOut> =>
    this.send('POST', `${of(group)}/trash/${enc(id)}/restore`, { path });

  dropTrashed = (group: string, id: string): Promise<unknown> =>
    this.send('DELETE', `${of(group)}/trash/${enc(id)}`);

  emptyTrash = (group: string): Promise<unknown> => this.send('DELETE', `${of(group)}/trash`);

  storage = (group: string): Promise<api.StorageOut> => this.json(`${of(group)}/storage`);

  fileStore = (group: string): Promise<api.StoreOut> => this.json(`${of(group)}/store`);

  uploads = (group: string, cursor?: string): Promise<api.UploadPage> =>
    this.json(`${of(group)}/uploads`, { query: { cursor } });

  upload = (group: string, id: string): Promise<api.UploadOut> => this.json(upload(group, id));

  dropUpload = async (group: string, id: string): Promise<void> => {
    await this.fetch(upload(group, id), { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } });
  };

  /** Where tus begins, and where it goes on; whole addresses, for it compares them with what the service answers. */
  uploadsUrl = (group: string): string => this.whole(`${of(group)}/uploads`);
  uploadUrl = (group: string, id: string): string => this.whole(upload(group, id));

  private whole(path: string): string {
    return new URL(this.base + path, window.location.href).href;
  }

  /** One request of tus, to an address that `uploadsUrl` or the service gave; refusals are answers here. */
  uploadRequest(address: string, init: Request): Promise<Response> {
    const base = this.whole('');
    if (!address.startsWith(`${base}/`)) {
      throw new Error('The service named an address for this upload that is not its own.');
    }
    return this.answer(address.slice(base.length), init);
  }

  beginDirect = (group: string, body: api.UploadIn): Promise<api.UploadOut> =>
    this.send('POST', `${of(group)}/uploads`, { ...body, direct: true });

  partUrls = (group: string, id: string, numbers: readonly number[]): Promise<api.PartList> =>
    this.send('POST', `${upload(group, id)}/parts`, { numbers });

  completeDirect = (group: string, id: string): Promise<api.UploadOut> =>
    this.send('POST', `${upload(group, id)}/complete`);

  shares = (group: string, cursor?: string): Promise<api.SharePage> =>
    this.json(`${of(group)}/shares`, { query: { cursor } });

  createShare = (group: string, body: api.ShareIn): Promise<api.ShareCreated> =>
    this.send('POST', `${of(group)}/shares`, body);

  revokeShare = (group: string, id: string): Promise<unknown> =>
    this.send('DELETE', `${of(group)}/shares/${enc(id)}`);
}
