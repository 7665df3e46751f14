/** What the buttons of a sweep do, apart from how they look. */

import type { SpaceIn } from './axis';
import type { Actions } from '../actions';
import type { JobDetail, SweepDetail } from '../api';
import { cloneDraft } from '../clone';
import { emptyDraft } from '../draft';
import { fromSweep } from './refill';

interface Named {
  group: string;
  id: string;
  name: string;
}

export function openSweep(actions: Actions, { group, id, name }: Named): void {
  actions.host.open({ what: 'sweep', group, id, name });
}

/** Jobs that run are stopped, points to come are not made. */
export async function cancelSweep(actions: Actions, sweep: Named): Promise<void> {
  const agreed = await actions.host.ask({
    title: `Cancel the sweep “${sweep.name}”?`,
    body: 'Its jobs that wait or run are cancelled and no more are made. What has ended stays.',
    keep: 'Keep it going',
    accept: 'Cancel the sweep'
  });
  if (agreed) {
    await actions.attempt('Cannot cancel the sweep', async client => {
      await client.cancelSweep(sweep.group, sweep.id);
      actions.session.touch(sweep.id, 'sweep');
    });
  }
}

/** True when it is gone. */
export async function deleteSweep(actions: Actions, sweep: Named): Promise<boolean> {
  const agreed = await actions.host.ask({
    title: `Delete the sweep “${sweep.name}”?`,
    body: 'Its jobs go with it: their logs, figures and artifacts.',
    keep: 'Keep the sweep',
    accept: 'Delete the sweep'
  });
  let gone = false;
  if (agreed) {
    await actions.attempt('Cannot delete the sweep', async client => {
      await client.deleteSweep(sweep.group, sweep.id);
      gone = true;
      actions.session.touch(sweep.id, 'sweep');
    });
  }
  return gone;
}

/** The form, filled with what was asked for then. */
export function cloneSweep(actions: Actions, sweep: SweepDetail): void {
  const spec = {
    name: sweep.name,
    tags: sweep.tags,
    notes: sweep.notes,
    priority: sweep.priority,
    ...sweep.spec
  };
  actions.newJob({
    ...cloneDraft(emptyDraft(), { ...sweep, spec } as unknown as JobDetail),
    when: 'sweep',
    sweep: fromSweep(sweep.space as SpaceIn, sweep)
  });
}
