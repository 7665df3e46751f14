/** Brings back what has just been deleted. */

import type { FilesModel } from './FilesModel';

/** How many of them the trash does not hold. */
export async function undelete(
  model: Pick<FilesModel, 'client' | 'group' | 'restore'>,
  paths: readonly string[]
): Promise<number> {
  const wanted = new Set(paths);
  let cursor: string | undefined;
  do {
    const page = await model.client.trash(model.group, cursor);
    for (const one of page.items) {
      // The latest first: what was deleted under this name before stays where it is.
      if (wanted.delete(one.path)) {
        await model.restore(one);
      }
    }
    cursor = page.next_cursor ?? undefined;
  } while (cursor && wanted.size > 0);
  return wanted.size;
}
