/** The queue of a page: one, however often its parts are drawn anew and whichever group is chosen. */

import { ApiError, type Client, type HubPage } from '../../client';
import type { Store } from '../wire';
import { directSender } from './directSender';
import { Memory } from './memory';
import { UploadQueue } from './queue';
import { tusSender } from './tusSender';

/** Below this, parts of their own are not worth it. */
const DIRECT_FROM = 32 * 1024 * 1024;

const queues = new WeakMap<HubPage, UploadQueue>();

export function queueOf(client: Client): UploadQueue {
  const found = queues.get(client.page);
  if (found) {
    return found;
  }
  const stores = new Map<string, Promise<Store>>();
  const storeOf = (group: string) => {
    const known = stores.get(group) ?? client.fileStore(group);
    stores.set(group, known);
    known.catch(() => stores.delete(group));
    return known;
  };
  const queue = new UploadQueue({
    user: client.page.user,
    memory: new Memory(),
    makeFolder: client.makeFolder,
    drop: client.dropUpload,
    taken: (group, path) => exists(client, group, path),
    sender: async (group, id, file) => {
      const store = await storeOf(group);
      const direct = id
        ? (await detailOf(client, group, id))?.part_size
        : store.direct && file.size >= DIRECT_FROM;
      return direct ? directSender(client) : tusSender(client, store.chunk_size);
    }
  });
  // An upload goes on after the page was closed, but only when somebody chooses the file again.
  window.addEventListener('beforeunload', event => {
    if (queue.active) {
      event.preventDefault();
    }
  });
  queues.set(client.page, queue);
  return queue;
}

async function detailOf(client: Client, group: string, id: string) {
  try {
    return await client.upload(group, id);
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 410)) {
      return null; // tus finds that out by itself, and begins anew
    }
    throw error;
  }
}

export async function exists(client: Client, group: string, path: string): Promise<boolean> {
  try {
    await client.fileEntry(group, path);
    return true;
  } catch {
    return false;
  }
}
