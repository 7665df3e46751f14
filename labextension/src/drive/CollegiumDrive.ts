/** The groups' shared files as a drive of JupyterLab: they open, save, move and go where Lab's own files do. */

import { ServerConnection, type Contents } from '@jupyterlab/services';
import { Signal, type ISignal } from '@lumino/signaling';

import type { FileTaskOut } from '../api';
import { ApiError, type Client } from '../client';
import { DATASETS, join, nameOf, numbered } from '../files/paths';
import { Work } from '../files/work';
import { ChunkedUploads } from './chunked';
import {
  bytesOf,
  decode,
  DriveError,
  EMPTY_NOTEBOOK,
  encode,
  folderModel,
  modelOf,
  typeOf
} from './contents';
import { DRIVE, localOf, placeOf, type DrivePlace } from './paths';

/** Lab's lists are not made for more. */
const MOST = 5000;
const PAGE = 1000;
/** What is opened comes into the page whole. */
const LARGEST = 128 * 1024 * 1024;

export interface DriveParts {
  /** Resolves when the service has told who the visitor is. */
  ready: () => Promise<{ client: Client; groups: readonly string[] }>;
  tell: (text: string) => void;
}

export class CollegiumDrive implements Contents.IDrive {
  readonly name = DRIVE;
  readonly serverSettings = ServerConnection.makeSettings();
  isDisposed = false;

  private readonly _fileChanged = new Signal<this, Contents.IChangedArgs>(this);
  private readonly chunked = new ChunkedUploads();
  /** What each file was when Lab last looked: what is saved must replace that, and nothing newer. */
  private readonly etags = new Map<string, string>();
  private readonly told = new Set<string>();

  constructor(private readonly parts: DriveParts) {}

  get fileChanged(): ISignal<this, Contents.IChangedArgs> {
    return this._fileChanged;
  }

  dispose(): void {
    this.isDisposed = true;
    Signal.clearData(this);
  }

  async get(local: string, options: Contents.IFetchOptions = {}): Promise<Contents.IModel> {
    const { client, groups } = await this.parts.ready();
    const place = placeOf(local);
    if (!place.group) {
      const content = groups.map(group => folderModel(group, group, true, null));
      return folderModel('', '', false, options.content === false ? null : content);
    }
    return checked(() =>
      place.path === '' || place.path === DATASETS
        ? this.folder(client, place, options)
        : this.entry(client, place, options)
    );
  }

  async getDownloadUrl(local: string): Promise<string> {
    const { client, group, path } = await this.inside(local);
    const blob = await checked(async () => (await client.fileContent(group, path)).blob());
    // A type that no browser shows: this address would be of Lab's own origin.
    const url = URL.createObjectURL(new Blob([blob], { type: 'application/octet-stream' }));
    setTimeout(() => URL.revokeObjectURL(url), 600_000);
    return url;
  }

  async newUntitled(options: Contents.ICreateOptions = {}): Promise<Contents.IModel> {
    const { client, group, path } = await this.inside(options.path ?? '', true);
    const folder = options.type === 'directory';
    const first = folder
      ? 'Untitled Folder'
      : options.type === 'notebook'
        ? 'Untitled.ipynb'
        : `untitled${options.ext ?? '.txt'}`;
    const target = await this.free(client, group, join(path, first));
    const entry = await checked(() =>
      folder
        ? client.makeFolder(group, target)
        : client.putFile(group, target, emptyOf(options.type), '*new*')
    );
    return this.changed('new', null, modelOf(group, entry, true));
  }

  async delete(local: string): Promise<void> {
    const { client, group, path } = await this.inside(local);
    await checked(async () => follow(client, group, await client.deleteFiles(group, [path])));
    this.etags.delete(local);
    this._fileChanged.emit({ type: 'delete', oldValue: { path: local }, newValue: null });
  }

  async rename(local: string, to: string): Promise<Contents.IModel> {
    const { client, group, path } = await this.inside(local);
    const target = placeOf(to);
    if (target.group !== group) {
      throw new DriveError(400, 'Files do not move from group to group; download and upload them.');
    }
    await checked(async () => follow(client, group, await client.moveFile(group, path, target.path)));
    this.etags.delete(local);
    const model = await this.get(to, { content: false });
    return this.changed('rename', { path: local }, model);
  }

  async save(local: string, options: Partial<Contents.IModel> = {}): Promise<Contents.IModel> {
    const { client, group, path } = await this.inside(local);
    const { chunk } = options;
    if (options.type === 'directory') {
      const made = await checked(() => client.makeFolder(group, path));
      return this.changed('save', null, modelOf(group, made, true));
    }
    if (chunk !== undefined) {
      const piece = new Blob([bytesOf(String(options.content ?? ''))]);
      const done = await checked(() => this.chunked.add(client, group, path, chunk, piece));
      const empty = { name: nameOf(path), path, kind: 'file', size: 0 } as const;
      return done
        ? this.changed('save', null, await this.get(local, { content: false }))
        : modelOf(group, { ...empty, etag: '', modified_at: null, media_type: '' }, true);
    }
    const entry = await checked(() => client.putFile(group, path, encode(options), this.etags.get(local)));
    this.etags.set(local, entry.etag);
    return this.changed('save', null, modelOf(group, entry, true));
  }

  async copy(local: string, toFolder: string): Promise<Contents.IModel> {
    const { client, group, path } = await this.inside(local);
    const folder = placeOf(toFolder);
    if (folder.group !== group) {
      throw new DriveError(400, 'Files are not copied from group to group; download and upload them.');
    }
    const target = await this.free(client, group, join(folder.path, nameOf(path)));
    await checked(async () => follow(client, group, await client.copyFile(group, path, target)));
    const model = await this.get(localOf({ group, path: target }), { content: false });
    return this.changed('new', null, model);
  }

  /** There are none: Lab is told of one that holds nothing, so that it goes on without asking. */
  createCheckpoint(): Promise<Contents.ICheckpointModel> {
    return Promise.resolve({ id: 'none', last_modified: new Date().toISOString() });
  }

  listCheckpoints(): Promise<Contents.ICheckpointModel[]> {
    return Promise.resolve([]);
  }

  restoreCheckpoint(): Promise<void> {
    return Promise.reject(new DriveError(404, 'Shared files have no checkpoints; look into the trash.'));
  }

  deleteCheckpoint(): Promise<void> {
    return Promise.resolve();
  }

  private async inside(local: string, folder = false): Promise<DrivePlace & { client: Client }> {
    const { client } = await this.parts.ready();
    const place = placeOf(local);
    if (!place.group || (!folder && !place.path)) {
      throw new DriveError(403, 'Here are the groups; choose one of them first.');
    }
    return { ...place, client };
  }

  private async folder(
    client: Client,
    place: DrivePlace,
    options: Contents.IFetchOptions
  ): Promise<Contents.IModel> {
    const { group, path } = place;
    const name = path === DATASETS ? 'Datasets' : nameOf(path) || group;
    if (options.content === false) {
      return folderModel(localOf(place), name, path !== DATASETS, null);
    }
    const found: Contents.IModel[] = [];
    let writable = false;
    let cursor: string | undefined;
    do {
      const page = await client.files(group, { path, limit: PAGE, cursor });
      writable = page.writable;
      found.push(...page.items.map(entry => modelOf(group, entry, writable)));
      cursor = page.next_cursor ?? undefined;
    } while (cursor && found.length < MOST);
    if (cursor && !this.told.has(localOf(place))) {
      this.told.add(localOf(place));
      this.parts.tell(
        `“${name}” holds more than ${MOST} entries; here are the first. Shared Files shows and searches all.`
      );
    }
    if (path === '' && (await hasDatasets(client, group))) {
      // Lab hides what starts with a dot, so it gets a name without.
      found.unshift(folderModel(localOf({ group, path: DATASETS }), 'Datasets', false, null));
    }
    return folderModel(localOf(place), name, writable, found);
  }

  private async entry(
    client: Client,
    place: DrivePlace,
    options: Contents.IFetchOptions
  ): Promise<Contents.IModel> {
    const { group, path } = place;
    const entry = await client.fileEntry(group, path);
    if (entry.kind === 'folder') {
      return this.folder(client, place, options);
    }
    const model = modelOf(group, entry, entry.writable);
    if (options.content === false) {
      this.etags.set(localOf(place), entry.etag);
      return model;
    }
    if (entry.size > LARGEST) {
      throw new DriveError(
        413,
        `“${entry.name}” is too large to be opened here (${LARGEST >> 20} MiB at most); it is at ${entry.mounted_at}.`
      );
    }
    const response = await client.fileContent(group, path);
    const etag = response.headers.get('ETag')?.replace(/^W\/|"/g, '') || entry.etag;
    const type = options.type ?? typeOf(entry);
    const { format } = options;
    const content = await decode(await response.blob(), {
      type,
      format,
      name: entry.name,
      mimetype: entry.media_type
    });
    this.etags.set(localOf(place), etag);
    return { ...model, type: type === 'directory' ? 'file' : type, hash: etag, ...content };
  }

  private changed(
    type: 'new' | 'save' | 'rename',
    oldValue: Partial<Contents.IModel> | null,
    newValue: Contents.IModel
  ): Contents.IModel {
    this._fileChanged.emit({ type, oldValue, newValue });
    return newValue;
  }

  private async free(client: Client, group: string, path: string): Promise<string> {
    let name = path;
    for (let n = 2; await there(client, group, name); n++) {
      name = numbered(path, n);
    }
    return name;
  }
}

/** Lab's own calls return when the thing is done, so ours do too. */
async function follow(client: Client, group: string, task: FileTaskOut): Promise<void> {
  const work = new Work(client, group);
  await work.follow(task);
  work.dispose();
}

function emptyOf(type: string | undefined): Blob {
  return type === 'notebook' ? encode({ type, content: EMPTY_NOTEBOOK }) : new Blob([]);
}

async function there(client: Client, group: string, path: string): Promise<boolean> {
  try {
    await client.fileEntry(group, path);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) {
      return false;
    }
    throw error;
  }
}

async function hasDatasets(client: Client, group: string): Promise<boolean> {
  try {
    return (await client.files(group, { path: DATASETS, limit: 1 })).items.length > 0;
  } catch {
    return false; // the group's own files are shown all the same
  }
}

/** The service's refusals, as Lab reads errors. */
async function checked<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw error instanceof ApiError ? new DriveError(error.status || 503, error.message) : error;
  }
}
