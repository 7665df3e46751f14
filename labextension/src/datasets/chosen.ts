/** Which datasets a job asks for, as it is chosen in the form and as it is sent. */

import type { JobDatasetOut } from '../api';

export interface ChosenDataset {
  name: string;
  /** Empty: as it is when the job starts; else a number, or `latest`. */
  version: string;
}

/** `digits@3` and back; what stands behind the last @ is the version. */
export function parseChoice(text: string): ChosenDataset {
  const at = text.lastIndexOf('@');
  return at < 0 ? { name: text, version: '' } : { name: text.slice(0, at), version: text.slice(at + 1) };
}

export function choiceText({ name, version }: ChosenDataset): string {
  return version ? `${name}@${version}` : name;
}

/** As a job was asked for; null: all, as they are. */
export function choices(asked: readonly string[] | null | undefined): ChosenDataset[] | null {
  return asked ? asked.map(parseChoice) : null;
}

/** With it or without it. */
export function toggled(chosen: readonly ChosenDataset[], name: string): ChosenDataset[] {
  const without = chosen.filter(c => c.name !== name);
  return without.length < chosen.length ? without : [...chosen, { name, version: '' }];
}

export function withVersion(
  chosen: readonly ChosenDataset[],
  name: string,
  version: string
): ChosenDataset[] {
  return chosen.map(c => (c.name === name ? { name, version } : c));
}

/** What a job got, in words. */
export function gotText({ version }: Pick<JobDatasetOut, 'version'>): string {
  return typeof version === 'number' ? `version ${version}` : 'as it was when the job started';
}
