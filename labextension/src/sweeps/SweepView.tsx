import * as React from 'react';

import type { PointOut, SweepDetail } from '../api';
import { useLoad } from '../accounts/load';
import { More, Problem } from '../accounts/parts';
import type { Actions } from '../actions';
import type { Client } from '../client';
import { dateTime, duration, isFinal } from '../format';
import { useNow } from '../hooks';
import { StateBadge } from '../panels/StateBadge';
import { useLive } from '../plots/live';
import { formatNumber } from '../plots/scale';
import { cancelSweep, cloneSweep, deleteSweep } from './actions';
import { Progress } from './Progress';
import { pointText } from './words';
import { PointTable } from './PointTable';
import { SweepPlots } from './SweepPlots';
import { useNews } from './SweepsSection';

/** Lines that can still be told apart. */
const DRAWN = 16;

interface Props {
  actions: Actions;
  client: Client;
  group: string;
  id: string;
  onGone: () => void;
}

/** A sweep: how far it is, what is best, its plots and its points. */
export function SweepView({ actions, client, group, id, onGone }: Props): JSX.Element {
  const [ended, setEnded] = React.useState(false);
  const {
    value: sweep,
    problem,
    reload
  } = useLive(`sweep/${group}/${id}`, !ended, () => client.sweep(group, id));
  const live = !!sweep && !isFinal(sweep.state);
  React.useEffect(() => setEnded(!!sweep && !live), [sweep, live]);
  useNews(actions, reload);
  return (
    <div className="clg-sweep" data-testid="collegium-sweep" data-state={sweep?.state} data-sweep-id={id}>
      <Problem of={problem} retry={reload} />
      {sweep ? (
        <>
          <Header sweep={sweep} actions={actions} onGone={onGone} reload={reload} />
          <Parts sweep={sweep} client={client} actions={actions} live={live} />
        </>
      ) : (
        !problem && (
          <p className="clg-hint" role="status">
            Loading …
          </p>
        )
      )}
    </div>
  );
}

function Header(props: {
  sweep: SweepDetail;
  actions: Actions;
  onGone: () => void;
  reload: () => void;
}): JSX.Element {
  const { sweep, actions } = props;
  const { session } = actions;
  const final = isFinal(sweep.state);
  const now = useNow(1000, !final);
  const denied = session.denied('sweep.cancel');
  const may = session.mayCancel(sweep) && !denied;
  const { best, objective } = sweep;
  const end = sweep.finished_at ? Date.parse(sweep.finished_at) : now;
  const facts: [string, string][] = [
    ['Submitted', `${dateTime(sweep.created_at)} by ${sweep.user}`],
    ['Ended', dateTime(sweep.finished_at)],
    ['Time', duration(end - Date.parse(sweep.created_at))],
    ['At once', sweep.concurrency ? String(sweep.concurrency) : 'as the quota allows']
  ];
  const why = denied || 'Only its owner and those who lead the group may do that.';
  return (
    <header className="clg-sweep-header">
      <div className="clg-job-title">
        <h2>{sweep.name}</h2>
        <span aria-live="polite">
          <StateBadge state={sweep.state} testid="collegium-sweep-detail-state" />
        </span>
        <span className="clg-spacer" />
        <button
          type="button"
          className="clg-button"
          data-testid="collegium-sweep-clone"
          disabled={!!session.denied('sweep.submit')}
          onClick={() => cloneSweep(actions, sweep)}
        >
          Clone …
        </button>
        {final ? (
          <button
            type="button"
            className="clg-button"
            data-testid="collegium-sweep-delete"
            disabled={!may}
            title={may ? undefined : why}
            onClick={() => void deleteSweep(actions, sweep).then(gone => gone && props.onGone())}
          >
            Delete …
          </button>
        ) : (
          <button
            type="button"
            className="clg-button"
            data-testid="collegium-sweep-cancel"
            disabled={!may}
            title={may ? undefined : why}
            onClick={() => void cancelSweep(actions, sweep).then(props.reload)}
          >
            Cancel the sweep
          </button>
        )}
      </div>
      {sweep.message && <p className="clg-job-why">{sweep.message}</p>}
      <Progress sweep={sweep} />
      {objective && (
        <p className="clg-sweep-best" data-testid="collegium-sweep-best">
          {best ? (
            <>
              {final ? 'Best' : 'Best so far'}:{' '}
              <strong>{`${objective.metric} ${formatNumber(best.value)}`}</strong> at point {best.point}
              {Object.keys(best.values).length > 0 && ` with ${pointText(best.values)}`}.{' '}
              <button
                type="button"
                className="clg-link"
                onClick={() =>
                  actions.openJob({ group: sweep.group, id: best.job, name: `${sweep.name} ${best.point}` })
                }
              >
                Open its job
              </button>
            </>
          ) : (
            <span className="clg-hint">
              {final ? `No job told ${objective.metric}.` : `No job has told ${objective.metric} yet.`} The{' '}
              {objective.goal === 'maximize' ? 'highest' : 'lowest'} would be best.
            </span>
          )}
        </p>
      )}
      <dl className="clg-facts">
        {facts.map(([term, text]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      {sweep.tags.length > 0 && <p className="clg-hint">Tags: {sweep.tags.join(', ')}</p>}
      {sweep.notes && <p className="clg-notes">{sweep.notes}</p>}
    </header>
  );
}

/** The pages that were asked for, together: asking again must not take away what somebody unfolded. */
function usePoints(client: Client, sweep: SweepDetail) {
  const pages = React.useRef(1);
  const { value, problem, busy, reload } = useLoad(`points/${sweep.group}/${sweep.id}`, async () => {
    const items: PointOut[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < pages.current && (page === 0 || cursor); page++) {
      const found = await client.sweepPoints(sweep.group, sweep.id, cursor);
      items.push(...found.items);
      cursor = found.next_cursor ?? undefined;
    }
    return { items, more: cursor !== undefined };
  });
  const more = () => {
    pages.current++;
    reload();
  };
  return { items: value?.items ?? null, more: value?.more ? more : null, problem, busy, reload };
}

function Parts(props: { sweep: SweepDetail; client: Client; actions: Actions; live: boolean }): JSX.Element {
  const { sweep, client, live } = props;
  // Asked again whenever the sweep's own figures have changed.
  const stamp = `${sweep.state}/${JSON.stringify(sweep.counts)}/${sweep.best?.value}`;
  const { items, problem, more, busy, reload } = usePoints(client, sweep);
  const before = React.useRef(stamp);
  React.useEffect(() => {
    if (before.current !== stamp) {
      before.current = stamp;
      reload();
    }
  }, [stamp, reload]);
  const [picked, pick] = React.useState<ReadonlySet<string> | null>(null);
  const points = items ?? [];
  const first = points.flatMap(point => point.job ?? []).slice(0, DRAWN);
  const chosen = picked ?? new Set(sweep.best ? [sweep.best.job, ...first].slice(0, DRAWN) : first);
  const choose = (job: string) => {
    const after = new Set(chosen);
    if (!after.delete(job)) {
      after.add(job);
    }
    pick(after);
  };
  return (
    <>
      <SweepPlots client={client} sweep={sweep} points={points} chosen={chosen} live={live} />
      <h3>Points</h3>
      <Problem of={problem} retry={reload} />
      {items && items.length === 0 && <p className="clg-empty">No point yet.</p>}
      {points.length > 0 && (
        <PointTable
          sweep={sweep}
          points={points}
          chosen={chosen}
          choose={choose}
          full={chosen.size >= DRAWN}
          actions={props.actions}
        />
      )}
      <More more={more} busy={busy} />
    </>
  );
}
