import * as React from 'react';

import type { Client } from '../client';
import { go } from '../portal/route';
import { Feed } from './Feed';

/** Events; a job alone makes four. */
const AT_ONCE = 60;
const TABS = { job: 'jobs', schedule: 'schedules', sweep: 'sweeps' } as const;

/** What happened last in all of one's groups. */
export function HomeActivity({ client }: { client: Client }): JSX.Element {
  return (
    <section aria-labelledby="clg-home-activity">
      <h2 id="clg-home-activity">Recent activity</h2>
      <div className="clg-card">
        <Feed
          client={client}
          group={null}
          limit={AT_ONCE}
          open={event => {
            const tab = event.kind in TABS ? TABS[event.kind as keyof typeof TABS] : null;
            return tab && (() => go({ page: 'group', group: event.group, tab, id: event.id }));
          }}
        />
      </div>
    </section>
  );
}
