/** What the service tells of files, uploads and links, by the names that this folder uses. */

import type * as api from '../api';

export type Entry = api.EntryOut;
export type EntryDetail = api.EntryDetail;
export type Listing = api.EntryPage;
export type Storage = api.StorageOut;
export type Task = api.FileTaskOut;
export type Trashed = api.TrashOut;
export type Preview = api.FilePreviewOut;
export type PreviewCell = api.CellOut;
export type Upload = api.UploadOut;
export type Store = api.StoreOut;
export type Share = api.ShareOut;
export type ShareIn = api.ShareIn;
export type ShareCreated = api.ShareCreated;
