/** Archives whose content can become a folder, and how that folder is called. */

import { join } from './paths';

/** What the service unpacks; the longer ending first. */
const ENDING = /\.(?:tar\.(?:gz|bz2|xz)|zip|tar|tgz)$/i;

/** `data.tar.gz` is `data`; null for what is no archive, or has no name beside its ending. */
export function archiveStem(name: string): string | null {
  const found = ENDING.exec(name);
  return found && found.index > 0 ? name.slice(0, found.index) : null;
}

/** The first name that is free: `data`, `data (2)`, `data (3)`. Names of folders have no ending that comes last. */
export async function freeFolder(
  folder: string,
  name: string,
  taken: (path: string) => Promise<boolean>
): Promise<string> {
  let free = name;
  for (let n = 2; await taken(join(folder, free)); n++) {
    free = `${name} (${n})`;
  }
  return free;
}
