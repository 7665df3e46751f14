import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { ContextOut, GroupRef } from './api';

/** What other extensions may use: who is logged in, which group is chosen, and word of changes. */
export interface ICollegium {
  readonly context: ContextOut | null;
  readonly group: GroupRef | null;
  readonly changed: ISignal<ICollegium, void>;
  selectGroup(name: string): void;
  refresh(): Promise<void>;
}

export const ICollegium = new Token<ICollegium>(
  '@collegium/lab:ICollegium',
  'The Collegium session: the user, the groups and the chosen group.'
);

/** Ids of the commands; arguments are described where the commands are added. */
export const CommandIDs = {
  showPanel: 'collegium:show-panel',
  refresh: 'collegium:refresh',
  newJob: 'collegium:new-job',
  openJob: 'collegium:open-job',
  newSchedule: 'collegium:new-schedule',
  openSchedule: 'collegium:open-schedule',
  editSchedule: 'collegium:edit-schedule',
  openQueue: 'collegium:open-queue',
  openSweep: 'collegium:open-sweep',
  openFiles: 'collegium:open-files',
  openDatasets: 'collegium:open-datasets',
  openDataset: 'collegium:open-dataset',
  newDataset: 'collegium:new-dataset',
  runNotebook: 'collegium:run-notebook',
  runNotebookFile: 'collegium:run-notebook-file',
  scheduleNotebookFile: 'collegium:schedule-notebook-file'
} as const;
