import * as React from 'react';

import type { Actions } from '../actions';
import type { BulkIn, BulkOut } from '../api';
import type { JobList } from '../joblist';

const count = (n: number, noun = 'job') => `${n.toLocaleString()} ${noun}${n === 1 ? '' : 's'}`;

/** Why some are left as they are, at most three reasons. */
function refusals(out: BulkOut): string {
  if (out.refused_count === 0) {
    return '';
  }
  const reasons = [...new Set(out.refused.map(r => r.reason))].slice(0, 3).join(' ');
  return ` ${count(out.refused_count)} stay${out.refused_count === 1 ? 's' : ''} as ${
    out.refused_count === 1 ? 'it is' : 'they are'
  }: ${reasons}`;
}

const WORDS = {
  cancel: {
    title: (n: number) => `Cancel ${count(n)}?`,
    body: 'Those that wait leave the queue, those that run are stopped. Files that they wrote so far are kept.',
    accept: 'Cancel them',
    done: (n: number) => `${count(n)} cancelled.`
  },
  delete: {
    title: (n: number) => `Delete ${count(n)}?`,
    body: 'Their logs, artifacts and history go too. This cannot be undone.',
    accept: 'Delete them',
    done: (n: number) => `${count(n)} deleted.`
  }
} as const;

/** What can be done with the chosen jobs. */
export function BulkBar({ jobs, actions }: { jobs: JobList; actions: Actions }): JSX.Element | null {
  const [busy, setBusy] = React.useState(false);
  const n = jobs.everything ? (jobs.total ?? jobs.chosen.size) : jobs.chosen.size;
  if (n === 0) {
    return null;
  }
  const act = async (action: 'cancel' | 'delete') => {
    setBusy(true);
    const { host, session } = actions;
    await actions.attempt(`Cannot ${action} the jobs`, async client => {
      const { group } = session.require();
      const which = jobs.everything ? { filter: jobs.bulkFilter() } : { ids: [...jobs.chosen] };
      const body: BulkIn = { action, ...which };
      const trial = await client.bulk(group, { ...body, dry_run: true });
      const words = WORDS[action];
      if (trial.changed === 0) {
        host.fail(`None of them can be ${action === 'cancel' ? 'cancelled' : 'deleted'}.${refusals(trial)}`);
        return;
      }
      const title = words.title(trial.changed);
      if (
        await host.ask({ title, body: words.body + refusals(trial), accept: words.accept, keep: 'Keep them' })
      ) {
        const done = await client.bulk(group, body);
        host.tell(words.done(done.changed) + refusals(done));
        jobs.choose([]);
        session.touch(null);
      }
    });
    setBusy(false);
  };
  const all = jobs.total !== null && jobs.total > n && !jobs.everything;
  return (
    <div className="clg-bulk" role="toolbar" aria-label="With the chosen jobs" data-testid="collegium-bulk">
      <span role="status">{count(n)} chosen</span>
      {all && (
        <button
          type="button"
          className="clg-link"
          data-testid="collegium-bulk-all"
          onClick={() => jobs.chooseEverything()}
        >
          Choose all {jobs.total?.toLocaleString()}
        </button>
      )}
      <span className="clg-spacer" />
      {(['cancel', 'delete'] as const).map(action => (
        <button
          key={action}
          type="button"
          className="clg-button clg-small"
          data-testid={`collegium-bulk-${action}`}
          disabled={busy || !!actions.session.denied(action === 'cancel' ? 'job.cancel' : 'job.delete')}
          onClick={() => void act(action)}
        >
          {action === 'cancel' ? 'Cancel' : 'Delete'}
        </button>
      ))}
      <button type="button" className="clg-button clg-small" onClick={() => jobs.choose([])}>
        Clear
      </button>
    </div>
  );
}
