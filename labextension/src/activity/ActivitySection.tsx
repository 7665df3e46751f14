import * as React from 'react';

import type { Actions } from '../actions';
import type { ActivityOut } from '../api';
import { openSweep } from '../sweeps/actions';
import { Feed } from './Feed';

/** Events; a job alone makes four. */
const AT_ONCE = 60;
/** A busy group's events come in hundreds; the list follows them in steps. */
const PAUSE = 2000;

/** What happened last in the chosen group, with ways to it. */
export function ActivitySection({ actions }: { actions: Actions }): JSX.Element | null {
  const { session } = actions;
  const { client, group } = session;
  const news = React.useCallback(
    (act: () => void) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const slot = () => {
        timer ??= setTimeout(() => {
          timer = undefined;
          act();
        }, PAUSE);
      };
      session.jobsChanged.connect(slot);
      session.objectsChanged.connect(slot);
      return () => {
        session.jobsChanged.disconnect(slot);
        session.objectsChanged.disconnect(slot);
        clearTimeout(timer);
      };
    },
    [session]
  );
  if (!client || !group) {
    return null;
  }
  return <Feed client={client} group={group.name} limit={AT_ONCE} news={news} open={opener(actions)} />;
}

/** How the thing that an event is about is opened; null for what has no view of its own. */
export function opener(actions: Actions): (event: ActivityOut) => (() => void) | null {
  return event => {
    switch (event.kind) {
      case 'job':
        return () => actions.openJob(event);
      case 'schedule':
        return () => actions.openSchedule(event);
      case 'sweep':
        return () => openSweep(actions, event);
      default:
        return null;
    }
  };
}
