/** Files and folders that somebody drops or chooses, one after the other: a folder may hold more than fits into a list. */

export interface Dropped {
  /** Relative to where it was dropped. */
  path: string;
  /** Null: a folder in which there is nothing. */
  file: File | null;
}

/** The entries must be taken while the event lasts; what they hold is read later. */
export function entriesOf(transfer: DataTransfer): (FileSystemEntry | File)[] {
  const found: (FileSystemEntry | File)[] = [];
  for (const item of Array.from(transfer.items)) {
    if (item.kind === 'file') {
      const entry = item.webkitGetAsEntry?.() ?? item.getAsFile();
      if (entry) {
        found.push(entry);
      }
    }
  }
  return found;
}

/** Does a drag bring files from outside the page? */
export function bringsFiles(transfer: DataTransfer | null): boolean {
  return Array.from(transfer?.types ?? []).includes('Files');
}

export async function* walk(
  entries: readonly (FileSystemEntry | File)[],
  folder = ''
): AsyncGenerator<Dropped> {
  for (const entry of entries) {
    if ('arrayBuffer' in entry) {
      yield { path: folder + entry.name, file: entry };
    } else if (entry.isFile) {
      const file = await new Promise<File>((done, failed) =>
        (entry as FileSystemFileEntry).file(done, failed)
      );
      yield { path: folder + entry.name, file };
    } else if (entry.isDirectory) {
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      let empty = true;
      for (let some = await readSome(reader); some.length > 0; some = await readSome(reader)) {
        empty = false;
        yield* walk(some, `${folder}${entry.name}/`);
      }
      if (empty) {
        yield { path: folder + entry.name, file: null };
      }
    }
  }
}

/** A browser gives at most a hundred at once, and none when there are no more. */
function readSome(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((done, failed) => reader.readEntries(done, failed));
}

/** Of a field for files, or for a whole folder; the latter tells where in it each file is. */
export async function* chosen(files: Iterable<File>): AsyncGenerator<Dropped> {
  for (const file of files) {
    yield { path: file.webkitRelativePath || file.name, file };
  }
}
