import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { Problem } from '../accounts/parts';
import type { Actions } from '../actions';
import type { JobOut, QueueMode, QueueOut } from '../api';
import { dateTime } from '../format';
import { useSignal } from '../hooks';

const MODES: Record<QueueMode, { title: string; text: string }> = {
  open: { title: 'Open', text: 'Jobs are taken, and start when there is room.' },
  draining: { title: 'Draining', text: 'No new job is taken; those in line go on.' },
  paused: { title: 'Paused', text: 'Jobs are taken, and none starts. Those that run go on.' }
};
/** Enough to see who is next; the list of jobs has the rest. */
const SHOWN = 100;

/** The group's queue: its mode, who is next, and who waits for what. */
export function QueuePage({ actions, group }: { actions: Actions; group: string }): JSX.Element {
  const { session } = actions;
  const client = session.client!;
  useSignal(session.changed);
  const queue = useLoad(`queue/${group}`, () => client.queue(group));
  const waiting = useLoad(`queue/${group}/jobs`, () =>
    client.jobs(group, { state: 'Pending', sort: 'created', limit: 200, total: true })
  );
  const reload = React.useRef(() => {});
  reload.current = () => {
    queue.reload();
    waiting.reload();
  };
  React.useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const slot = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        reload.current();
      }, 500);
    };
    session.jobsChanged.connect(slot);
    return () => {
      clearTimeout(timer);
      session.jobsChanged.disconnect(slot);
    };
  }, [session]);
  const { value } = queue;
  return (
    <div className="clg-scroll clg-pad" data-testid="collegium-queue" data-mode={value?.mode}>
      <Problem of={queue.problem ?? waiting.problem} retry={() => reload.current()} />
      {value && (
        <>
          <ModeControl queue={value} actions={actions} group={group} onDone={() => reload.current()} />
          <Numbers queue={value} />
          {value.head && (
            <p className="clg-choice-wait">
              First in line without room:{' '}
              <button
                type="button"
                className="clg-link"
                onClick={() => actions.openJob({ group, id: value.head!.id, name: value.head!.name })}
              >
                {value.head.name}
              </button>{' '}
              of {value.head.user}. {value.head.message}
              {value.head.earliest_start &&
                ` It starts by ${dateTime(value.head.earliest_start)} at the latest.`}
            </p>
          )}
        </>
      )}
      <h3>In line</h3>
      {waiting.value && (
        <Line jobs={waiting.value.items} total={waiting.value.total ?? 0} actions={actions} />
      )}
    </div>
  );
}

function ModeControl(props: {
  queue: QueueOut;
  actions: Actions;
  group: string;
  onDone: () => void;
}): JSX.Element {
  const { queue, actions, group } = props;
  const [mode, setMode] = React.useState<QueueMode>(queue.mode);
  const [reason, setReason] = React.useState(queue.reason);
  const action = useAction();
  React.useEffect(() => {
    setMode(queue.mode);
    setReason(queue.reason);
  }, [queue.mode, queue.reason]);
  const here = actions.session.group?.name === group;
  const rights = actions.session.rights?.operations['queue.control'];
  const may = here && rights?.allowed === true;
  const send = (event: React.FormEvent) => {
    event.preventDefault();
    void action
      .run(() => actions.session.client!.setQueue(group, { mode, reason }))
      .then(done => done && props.onDone());
  };
  return (
    <>
      <p className="clg-queue-mode" aria-live="polite">
        <strong>{MODES[queue.mode].title}.</strong> {MODES[queue.mode].text}
        {queue.reason && ` Reason: ${queue.reason}`}
        {queue.by && queue.mode !== 'open' && (
          <span className="clg-hint">
            {' '}
            Set by {queue.by}, {dateTime(queue.at)}.
          </span>
        )}
      </p>
      {may && (
        <form className="clg-form clg-queue-form" onSubmit={send}>
          <Problem of={action.problem} />
          <fieldset className="clg-inline">
            <legend>The queue is</legend>
            {(Object.keys(MODES) as QueueMode[]).map(each => (
              <label key={each} title={MODES[each].text}>
                <input
                  type="radio"
                  name={`clg-queue-${group}`}
                  checked={mode === each}
                  data-testid={`collegium-queue-${each}`}
                  onChange={() => setMode(each)}
                />
                {MODES[each].title.toLowerCase()}
              </label>
            ))}
          </fieldset>
          {mode !== 'open' && (
            <input
              className="clg-input"
              aria-label="Reason, shown to those who wait"
              placeholder="Reason, shown to those who wait"
              maxLength={500}
              data-testid="collegium-queue-reason"
              value={reason}
              onChange={e => setReason(e.target.value)}
            />
          )}
          <div className="clg-actions">
            <button
              type="submit"
              className="clg-button clg-primary"
              data-testid="collegium-queue-save"
              disabled={action.busy || (mode === queue.mode && reason === queue.reason)}
            >
              Save
            </button>
          </div>
        </form>
      )}
    </>
  );
}

function Numbers({ queue }: { queue: QueueOut }): JSX.Element {
  const facts: [string, number, string][] = [
    ['In line', queue.ready, 'They start as soon as there is room.'],
    ['Later', queue.later, 'They are tried again at some time.'],
    ['Held', queue.held, 'They wait for other jobs.'],
    ['Starting', queue.starting, ''],
    ['Running', queue.running, '']
  ];
  const users = Object.entries(queue.by_user).sort((a, b) => b[1] - a[1]);
  return (
    <>
      <dl className="clg-facts">
        {facts.map(([term, number, title]) => (
          <div key={term} title={title}>
            <dt>{term}</dt>
            <dd>{number.toLocaleString()}</dd>
          </div>
        ))}
      </dl>
      {users.length > 0 && (
        <p className="clg-hint">In line: {users.map(([user, n]) => `${user} ${n}`).join(', ')}</p>
      )}
    </>
  );
}

function Line({ jobs, total, actions }: { jobs: JobOut[]; total: number; actions: Actions }): JSX.Element {
  if (jobs.length === 0) {
    return <p className="clg-empty">Nobody waits.</p>;
  }
  const place = (job: JobOut) => job.queue_position ?? Infinity;
  const ordered = [...jobs].sort((a, b) => place(a) - place(b)).slice(0, SHOWN);
  return (
    <div className="clg-table-wrap">
      <table className="clg-table" aria-label="Jobs in line" data-testid="collegium-queue-line">
        <thead>
          <tr>
            {['Place', 'Job', 'User', 'Priority', 'Waits for', 'Starts by'].map(title => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ordered.map(job => (
            <tr key={job.id}>
              <td>{job.queue_position ?? '–'}</td>
              <td>
                <button type="button" className="clg-link" onClick={() => actions.openJob(job)}>
                  {job.name}
                </button>
              </td>
              <td>{job.user}</td>
              <td>{job.priority}</td>
              <td>{job.waiting_for?.map(w => w.message).join(' ') || 'about to start'}</td>
              <td className="clg-when">{job.earliest_start ? dateTime(job.earliest_start) : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {total > ordered.length && (
        <p className="clg-hint">
          {ordered.length} of {total.toLocaleString()} that wait; the list of jobs has all.
        </p>
      )}
    </div>
  );
}
