/** Datasets in words, and the few things that are worked out here. Nothing draws. */

import type { DatasetSummary, Health, UseOut, VersionState } from '../api';
import { counted } from '../files/kinds';
import { DATASETS } from '../files/paths';
import { bytes } from '../format';

export type Tone = 'good' | 'bad' | 'warn' | undefined;

export const HEALTH: Record<Health, { word: string; tone: Tone; text: string }> = {
  unknown: { word: 'not looked yet', tone: undefined, text: 'Nobody has looked at the source yet.' },
  ok: { word: 'ok', tone: 'good', text: 'The source is there.' },
  missing: { word: 'missing', tone: 'warn', text: 'The source is not there.' },
  broken: { word: 'broken', tone: 'bad', text: 'The source cannot be read.' }
};

export const VERSION_TONE: Record<VersionState, Tone> = {
  Making: undefined,
  Ready: 'good',
  Failed: 'bad',
  Deleting: 'warn'
};

export const ACCESS = { ro: 'read only', rw: 'read and write' } as const;

export type DatasetSort = 'name' | 'size' | 'updated' | 'versions';
export type Whose = '' | 'own' | 'granted';

export interface ListFilter {
  whose: Whose;
  sort: DatasetSort;
}

const ORDER: Record<DatasetSort, (a: DatasetSummary, b: DatasetSummary) => number> = {
  name: (a, b) => (a.display_name || a.name).localeCompare(b.display_name || b.name),
  size: (a, b) => (b.size ?? -1) - (a.size ?? -1),
  updated: (a, b) => (b.updated_at ?? '').localeCompare(a.updated_at ?? ''),
  versions: (a, b) => b.versions - a.versions
};

/** What fits, in order; large, new and much first, names from the start. */
export function listed(items: readonly DatasetSummary[], { whose, sort }: ListFilter): DatasetSummary[] {
  const fits = items.filter(d => whose === '' || d.mine === (whose === 'own'));
  return fits.sort((a, b) => ORDER[sort](a, b) || ORDER.name(a, b));
}

/** `3 files, 1.5 MiB`; null while nobody has counted. */
export function amount(of: { size: number | null; files: number | null }): string | null {
  if (of.size === null) {
    return null;
  }
  return of.files === null ? bytes(of.size) : `${counted(of.files, 'file')}, ${bytes(of.size)}`;
}

/** Path in the group's shared files: of what is in it now, or of a version. */
export function pathOf(name: string, version: number | null): string {
  return `${DATASETS}/${name}${version === null ? '' : `@${version}`}`;
}

/** Where programs find it: the same for a mounted folder, and for the file system `collegium`. */
export function addresses(
  group: string,
  dataset: Pick<DatasetSummary, 'name' | 'mounted_at' | 'kind'>,
  version: number | null
): { label: string; text: string }[] {
  const at = version === null ? '' : `@${version}`;
  const folder = { label: 'In servers and jobs', text: dataset.mounted_at };
  const uri = { label: 'As an address', text: `collegium://${group}/${pathOf(dataset.name, version)}` };
  const job = { label: 'For a job', text: dataset.name + at };
  return dataset.kind === 'environment' ? [job] : [folder, uri, job];
}

/** Whether it is used now. */
export function isLive(use: Pick<UseOut, 'ended_at'>): boolean {
  return !use.ended_at;
}

/** `job train of ann in biology`. */
export function holderText(use: Pick<UseOut, 'kind' | 'label' | 'id' | 'user' | 'group'>): string {
  return `${use.kind} ${use.label || use.id} of ${use.user} in ${use.group}`;
}

/** Uses that a refusal lists. */
export function usesIn(details: Record<string, unknown>): UseOut[] {
  const { uses } = details;
  return Array.isArray(uses) ? uses.filter((u): u is UseOut => typeof u?.kind === 'string') : [];
}

/** A cell of a table's sample. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) {
    return '';
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
