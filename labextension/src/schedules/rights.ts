import type { ScheduleOut } from '../api';
import type { Session } from '../session';

export type ScheduleAct = 'update' | 'delete' | 'pause' | 'resume' | 'run';

/** Why this may not be done, or empty. A schedule is its jobs' owner's, and of those who look after the group. */
export function refusal(session: Session, schedule: ScheduleOut, act: ScheduleAct): string {
  const looksAfter =
    ['maintainer', 'admin'].includes(session.group?.role ?? '') ||
    session.context?.user.platform_admin === true;
  if (schedule.run_as !== session.user && !looksAfter) {
    return `Its jobs are ${schedule.run_as}’s; only they and maintainers of the group may do this.`;
  }
  return session.group?.name === schedule.group ? session.denied(`schedule.${act}`) : '';
}
