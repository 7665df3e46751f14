/** One file in the list of those that go up. */

import { numbered } from '../paths';
import { Rate } from './rate';

export type UploadState = 'Waiting' | 'Sending' | 'Paused' | 'Conflict' | 'Failed' | 'Done';
export type Choice = 'replace' | 'keep-both' | 'skip';

export interface UploadItem {
  readonly key: number;
  readonly group: string;
  /** Where it was meant to go; `path` has a number if there was one of its name. */
  readonly wanted: string;
  path: string;
  readonly file: File;
  readonly batch: number;
  state: UploadState;
  sent: number;
  /** The service's id of it, as soon as there is one. */
  id: string | null;
  replace: boolean;
  copies: number;
  problem: string;
  /** It waits for the network, for this reason. */
  stalled: string;
  readonly rate: Rate;
  scope: AbortController | null;
}

export function newItem(
  given: Pick<UploadItem, 'key' | 'group' | 'wanted' | 'file' | 'batch' | 'id'>
): UploadItem {
  return {
    ...given,
    path: given.wanted,
    state: 'Waiting',
    sent: 0,
    replace: false,
    copies: 0,
    problem: '',
    stalled: '',
    rate: new Rate(),
    scope: null
  };
}

/** Is it going up, or about to? */
export function isLive(item: UploadItem): boolean {
  return item.state === 'Sending' || item.state === 'Waiting';
}

/** Goes on with the other name, or in the other's place. */
export function settle(item: UploadItem, choice: Choice): void {
  item.replace = choice === 'replace';
  if (choice === 'keep-both') {
    item.path = numbered(item.wanted, ++item.copies + 1);
  }
  item.state = 'Waiting';
  item.problem = '';
}
