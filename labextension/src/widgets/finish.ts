import type { Actions } from '../actions';
import { openSweep } from '../sweeps/actions';
import type { Made } from './FormModel';

/** Tells what a form made and shows it. */
export function finish(actions: Actions, made: Made, changed: boolean): void {
  const { host, session } = actions;
  if ('job' in made) {
    host.tell(`“${made.job.name}” was submitted.`);
    session.touch(made.job.id);
    actions.openJob(made.job);
  } else if ('sweep' in made) {
    host.tell(`“${made.sweep.name}” was submitted: ${made.sweep.total} jobs.`);
    session.touch(made.sweep.id, 'sweep');
    openSweep(actions, made.sweep);
  } else {
    host.tell(`The schedule “${made.schedule.name}” was ${changed ? 'changed' : 'made'}.`);
    session.touch(made.schedule.id, 'schedule');
    actions.openSchedule(made.schedule);
  }
}
