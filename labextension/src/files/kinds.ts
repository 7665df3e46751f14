/** What a file is, by its name and type, in a word; and how amounts of files are said. */

import { bytes } from '../format';
import { archiveStem } from './archives';
import type { Entry } from './wire';

export type FileSort =
  'folder' | 'dataset' | 'notebook' | 'image' | 'table' | 'text' | 'archive' | 'pdf' | 'file';

const ENDINGS: Record<string, FileSort> = {
  ipynb: 'notebook',
  csv: 'table',
  tsv: 'table',
  parquet: 'table',
  feather: 'table',
  arrow: 'table',
  zip: 'archive',
  gz: 'archive',
  tgz: 'archive',
  bz2: 'archive',
  xz: 'archive',
  zst: 'archive',
  tar: 'archive',
  '7z': 'archive',
  pdf: 'pdf'
};
const TEXT =
  /^(py|r|jl|sh|md|rst|txt|log|json|jsonl|ya?ml|toml|ini|cfg|conf|tex|bib|c|h|cpp|hpp|java|js|ts|tsx|css|html?|xml|sql|ipynb|go|rs)$/;

export function ending(name: string): string {
  return /[^.]\.([^.]+)$/.exec(name)?.[1].toLowerCase() ?? '';
}

export function sortOf(entry: Pick<Entry, 'name' | 'path' | 'kind' | 'media_type'>): FileSort {
  if (entry.kind === 'folder') {
    return /^\.datasets(\/[^/]+)?$/.test(entry.path) ? 'dataset' : 'folder';
  }
  const known = ENDINGS[ending(entry.name)];
  if (known) {
    return known;
  }
  if (entry.media_type.startsWith('image/')) {
    return 'image';
  }
  return entry.media_type.startsWith('text/') || TEXT.test(ending(entry.name)) ? 'text' : 'file';
}

/** Types that a browser draws as a picture and cannot run: no SVG, which may hold a script. */
export const SAFE_IMAGES: readonly string[] = [
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
  'image/bmp'
];

export const WORDS: Record<FileSort, string> = {
  folder: 'Folder',
  dataset: 'Dataset',
  notebook: 'Notebook',
  image: 'Image',
  table: 'Table',
  text: 'Text',
  archive: 'Archive',
  pdf: 'PDF',
  file: 'File'
};

/** Can what is in it become a folder? */
export function isArchive(entry: Pick<Entry, 'name' | 'kind'>): boolean {
  return entry.kind === 'file' && archiveStem(entry.name) !== null;
}

/** `1 file`, `12,400 files`. */
export function counted(n: number, noun: string): string {
  return `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
}

/** `2 folders and 3 files, 1.5 MiB`. */
export function selectionWords(entries: readonly Entry[]): string {
  const folders = entries.filter(e => e.kind === 'folder').length;
  const files = entries.length - folders;
  const size = entries.reduce((sum, e) => sum + (e.kind === 'file' ? e.size : 0), 0);
  const parts = [folders > 0 && counted(folders, 'folder'), files > 0 && counted(files, 'file')];
  const what = parts.filter(Boolean).join(' and ');
  return files > 0 ? `${what}, ${bytes(size)}` : what;
}

/** Would a click that opens it in JupyterLab show something? Large files are better looked at first. */
export function opensInLab(entry: Entry): boolean {
  return entry.size <= 32 * 1024 * 1024 && !['file', 'archive'].includes(sortOf(entry));
}
