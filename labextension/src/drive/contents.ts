/** Files as JupyterLab knows them: their kinds, and their content in its formats. */

import type { Contents } from '@jupyterlab/services';

import type { EntryDetail, EntryOut } from '../api';
import { base64 } from '../artifacts';
import { ending } from '../files/kinds';
import { localOf } from './paths';

/** What Lab asks an error for: 404 means that a file may be made, 403 that it can only be read. */
export class DriveError extends Error {
  readonly response: { status: number };

  constructor(status: number, message: string) {
    super(message);
    this.name = 'DriveError';
    this.response = { status };
  }
}

export function typeOf(entry: Pick<EntryOut, 'name' | 'kind'>): Contents.ContentType {
  if (entry.kind === 'folder') {
    return 'directory';
  }
  return ending(entry.name) === 'ipynb' ? 'notebook' : 'file';
}

/** Without its content. */
export function modelOf(group: string, entry: EntryOut | EntryDetail, writable: boolean): Contents.IModel {
  const time = entry.modified_at ?? '';
  return {
    name: entry.name,
    path: localOf({ group, path: entry.path }),
    type: typeOf(entry),
    writable,
    created: time,
    last_modified: time,
    mimetype: entry.media_type,
    content: null,
    format: null as unknown as Contents.FileFormat,
    size: entry.kind === 'file' ? entry.size : undefined,
    // Lab compares this before it saves, and asks what to do when somebody else has saved meanwhile.
    ...(entry.etag && { hash: entry.etag, hash_algorithm: 'etag' })
  };
}

export function folderModel(
  local: string,
  name: string,
  writable: boolean,
  content: Contents.IModel[] | null
): Contents.IModel {
  return {
    name,
    path: local,
    type: 'directory',
    writable,
    created: '',
    last_modified: '',
    mimetype: '',
    content,
    format: 'json'
  };
}

interface Content {
  content: unknown;
  format: Contents.FileFormat;
  mimetype: string;
}

/** A file's bytes in the format that is asked for; without one, text where it is text. */
export async function decode(
  blob: Blob,
  asked: { type?: string; format?: Contents.FileFormat | null; name: string; mimetype: string }
): Promise<Content> {
  if (asked.type === 'notebook') {
    return { content: notebook(await blob.text(), asked.name), format: 'json', mimetype: '' };
  }
  if (asked.format !== 'base64') {
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(await blob.arrayBuffer());
      return { content: text, format: 'text', mimetype: asked.mimetype || 'text/plain' };
    } catch {
      if (asked.format === 'text') {
        throw new DriveError(400, `“${asked.name}” is not UTF-8 text.`);
      }
    }
  }
  return {
    content: await base64(blob),
    format: 'base64',
    mimetype: asked.mimetype || 'application/octet-stream'
  };
}

interface Notebook {
  nbformat?: unknown;
  cells?: { metadata?: Record<string, unknown> }[];
}

/** A notebook whose outputs nobody trusts: it may be somebody else's, whatever its cells say of themselves. */
function notebook(text: string, name: string): Notebook {
  let content: Notebook;
  try {
    content = JSON.parse(text) as Notebook;
  } catch {
    throw new DriveError(400, `“${name}” is not a notebook: it is not JSON.`);
  }
  if (typeof content.nbformat !== 'number' || content.nbformat < 4 || !Array.isArray(content.cells)) {
    throw new DriveError(400, `“${name}” is not a notebook of format 4; convert it with nbconvert first.`);
  }
  return distrusted(content);
}

export function distrusted(content: Notebook): Notebook {
  return {
    ...content,
    cells: content.cells?.map(cell => {
      const metadata = { ...cell.metadata };
      delete metadata.trusted;
      return { ...cell, metadata };
    })
  };
}

/** What Lab saves, as bytes. */
export function encode(model: Partial<Contents.IModel>): Blob {
  const { type, format } = model;
  const content: unknown = model.content;
  if (type === 'notebook' || format === 'json') {
    const value = type === 'notebook' ? distrusted(content as Notebook) : content;
    return new Blob([`${JSON.stringify(value, null, 1)}\n`]);
  }
  if (format === 'base64') {
    return new Blob([bytesOf(String(content ?? ''))]);
  }
  return new Blob([String(content ?? '')]);
}

export function bytesOf(text: string): Uint8Array {
  const binary = atob(text);
  return Uint8Array.from(binary, char => char.charCodeAt(0));
}

export const EMPTY_NOTEBOOK = { cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 };
