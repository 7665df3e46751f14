import * as React from 'react';

import type { SweepOut } from '../api';
import { usePages } from '../accounts/load';
import { Listed, More } from '../accounts/parts';
import type { Actions } from '../actions';
import { age, isFinal } from '../format';
import { useNow } from '../hooks';
import { StateBadge } from '../panels/StateBadge';
import { formatNumber } from '../plots/scale';
import { openSweep } from './actions';
import { Progress } from './Progress';
import { pointText } from './words';

/** The group's sweeps, newest first. */
export function SweepsSection({ actions }: { actions: Actions }): JSX.Element | null {
  const { session } = actions;
  const { client, group } = session;
  const name = group?.name ?? '';
  const { items, problem, more, busy, reload } = usePages(`sweeps/${name}`, cursor =>
    client ? client.sweeps(name, cursor, 10) : Promise.resolve({ items: [] })
  );
  useNews(actions, reload);
  const now = useNow(30_000, !!items?.length);
  if (!client || !name) {
    return null;
  }
  return (
    <div className="clg-sweeps" data-testid="collegium-sweeps">
      <Listed
        items={items}
        problem={problem}
        retry={reload}
        empty="No sweeps in this group yet. In the form of a new job choose “as a sweep”: the job then runs once for every combination of values that you give."
      >
        <ul className="clg-job-list" aria-label="Sweeps">
          {items?.map(sweep => (
            <SweepRow
              key={sweep.id}
              sweep={sweep}
              now={now}
              mine={sweep.user === session.user}
              actions={actions}
            />
          ))}
        </ul>
        <More more={more} busy={busy} />
      </Listed>
    </div>
  );
}

/** Calls back, not too often, when jobs or other things of the group have changed. */
export function useNews(actions: Actions, act: () => void): void {
  const latest = React.useRef(act);
  latest.current = act;
  React.useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const slot = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        latest.current();
      }, 1000);
    };
    const { jobsChanged, objectsChanged } = actions.session;
    jobsChanged.connect(slot);
    objectsChanged.connect(slot);
    return () => {
      jobsChanged.disconnect(slot);
      objectsChanged.disconnect(slot);
      clearTimeout(timer);
    };
  }, [actions]);
}

function SweepRow(props: { sweep: SweepOut; now: number; mine: boolean; actions: Actions }): JSX.Element {
  const { sweep, now } = props;
  return (
    <li
      className="clg-job"
      data-testid="collegium-sweep-row"
      data-sweep-id={sweep.id}
      data-state={sweep.state}
    >
      <div className="clg-job-head">
        <button
          type="button"
          className="clg-job-name"
          title={`${sweep.name} – sweep ${sweep.id}`}
          onClick={() => openSweep(props.actions, sweep)}
        >
          {sweep.name}
        </button>
        <StateBadge state={sweep.state} testid="collegium-sweep-state" />
      </div>
      <Progress sweep={sweep} />
      <div className="clg-job-facts">
        <span>{props.mine ? 'you' : sweep.user}</span>
        <span title={new Date(sweep.created_at).toLocaleString()}>
          {isFinal(sweep.state) && sweep.finished_at
            ? `ended ${age(sweep.finished_at, now)}`
            : `submitted ${age(sweep.created_at, now)}`}
        </span>
      </div>
      {sweep.best && sweep.objective && (
        <p className="clg-job-facts">
          Best {sweep.objective.metric} {formatNumber(sweep.best.value)}
          {Object.keys(sweep.best.values).length > 0 && ` with ${pointText(sweep.best.values)}`}
        </p>
      )}
    </li>
  );
}
