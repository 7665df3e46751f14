/** Lab's file browser sends larger files in pieces, each with its number; here they go on as one upload. */

import { ApiError, failure } from '../http';
import type { FileCalls } from '../fileCalls';
import { settled } from '../files/uploads/sender';

const TUS = { 'Tus-Resumable': '1.0.0' };

interface Begun {
  address: string;
  id: string;
  offset: number;
  next: number;
}

type Calls = Pick<FileCalls, 'uploadsUrl' | 'uploadRequest' | 'upload'>;

export class ChunkedUploads {
  private readonly begun = new Map<string, Begun>();

  /** `chunk` counts from 1, and is -1 for the last piece; true when the file is in its place. */
  async add(client: Calls, group: string, path: string, chunk: number, piece: Blob): Promise<boolean> {
    const key = JSON.stringify([group, path]);
    const last = chunk === -1;
    if (chunk === 1) {
      this.begun.set(key, await begin(client, group, path));
    }
    const upload = this.begun.get(key);
    if (!upload || (!last && chunk !== upload.next)) {
      throw new ApiError('refused', `The pieces of “${path}” came in the wrong order; upload it again.`);
    }
    const end = upload.offset + piece.size;
    const response = await client.uploadRequest(upload.address, {
      method: 'PATCH',
      body: piece,
      headers: {
        ...TUS,
        'Content-Type': 'application/offset+octet-stream',
        'Upload-Offset': String(upload.offset),
        ...(last && { 'Upload-Length': String(end) })
      }
    });
    if (!response.ok) {
      this.begun.delete(key);
      throw await failure(response);
    }
    upload.offset = end;
    upload.next++;
    if (last) {
      this.begun.delete(key);
      await settled(() => client.upload(group, upload.id), new AbortController().signal);
    }
    return last;
  }
}

async function begin(client: Calls, group: string, path: string): Promise<Begun> {
  const text = String.fromCharCode(...new TextEncoder().encode(path));
  const response = await client.uploadRequest(client.uploadsUrl(group), {
    method: 'POST',
    headers: {
      ...TUS,
      'Upload-Defer-Length': '1',
      // Lab has asked already whether what is there is to be replaced.
      'Upload-Metadata': `path ${btoa(text)},replace ${btoa('true')}`
    }
  });
  const location = response.headers.get('Location');
  if (!response.ok || !location) {
    throw await failure(response);
  }
  const address = new URL(location, client.uploadsUrl(group)).href;
  const id = decodeURIComponent(new URL(address).pathname.split('/').pop()!);
  return { address, id, offset: 0, next: 1 };
}
