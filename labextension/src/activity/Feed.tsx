import * as React from 'react';

import { usePages } from '../accounts/load';
import { Listed, More } from '../accounts/parts';
import type { ActivityOut } from '../api';
import type { Client } from '../client';
import { age } from '../format';
import { useNow } from '../hooks';
import { byDay, KINDS, latest, whatHappened } from './words';

const PAUSE = 30_000;

/** What happened to each thing last, newest first: in one group, or in all that one is in. */
export function Feed(props: {
  client: Client;
  /** Null: all. */
  group: string | null;
  /** How many at a time. */
  limit: number;
  /** Opens what an event is about; null where it cannot be opened from here. */
  open?: (event: ActivityOut) => (() => void) | null;
  /** Calls back when there is news; without it the feed asks every half minute. */
  news?: (act: () => void) => () => void;
}): JSX.Element {
  const { client, group, limit, news } = props;
  const [kind, setKind] = React.useState('');
  const [mine, setMine] = React.useState(false);
  const key = `activity/${group}/${kind}/${mine}`;
  const { items, problem, more, busy, reload } = usePages(key, cursor =>
    client.activity(group, { kind, mine: mine || undefined, limit, cursor })
  );
  React.useEffect(() => {
    if (news) {
      return news(reload);
    }
    const timer = setInterval(() => !document.hidden && reload(), PAUSE);
    return () => clearInterval(timer);
  }, [news, reload]);
  const now = useNow(PAUSE, !!items?.length);
  return (
    <div className="clg-feed" data-testid="collegium-activity">
      <div className="clg-feed-bar" role="group" aria-label="Which activity">
        <select
          className="clg-select"
          aria-label="What"
          data-testid="collegium-activity-kind"
          value={kind}
          onChange={event => setKind(event.target.value)}
        >
          {KINDS.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
        <label className="clg-check">
          <input
            type="checkbox"
            data-testid="collegium-activity-mine"
            checked={mine}
            onChange={event => setMine(event.target.checked)}
          />
          only mine
        </label>
      </div>
      <Listed
        items={items}
        problem={problem}
        retry={reload}
        empty={kind || mine ? 'Nothing of that kind happened lately.' : 'Nothing happened yet.'}
      >
        {byDay(latest(items ?? []), now).map(([title, rows]) => (
          <React.Fragment key={`${title}/${rows[0].sequence}`}>
            <h4 className="clg-feed-day">{title}</h4>
            <ol className="clg-feed-list">
              {rows.map(event => (
                <Row key={event.sequence} event={event} now={now} everywhere={group === null} {...props} />
              ))}
            </ol>
          </React.Fragment>
        ))}
        <More more={more} busy={busy} />
      </Listed>
    </div>
  );
}

function Row(props: {
  event: ActivityOut;
  now: number;
  everywhere: boolean;
  client: Client;
  open?: (event: ActivityOut) => (() => void) | null;
}): JSX.Element {
  const { event, now } = props;
  const open = props.open?.(event) ?? null;
  const name = event.name || event.id;
  return (
    <li className="clg-feed-row" data-kind={event.kind} data-state={event.state} data-id={event.id}>
      <div>
        <span className="clg-feed-kind">{event.kind}</span>{' '}
        {open ? (
          <button type="button" className="clg-feed-name" onClick={open}>
            {name}
          </button>
        ) : (
          <strong>{name}</strong>
        )}{' '}
        <span className={`clg-feed-state clg-feed-${event.state.toLowerCase()}`}>{whatHappened(event)}</span>
      </div>
      {event.message && <p className="clg-job-why">{event.message}</p>}
      <div className="clg-job-facts">
        <span>{event.user === props.client.page.user ? 'you' : event.user}</span>
        {props.everywhere && event.group && <span>{event.group}</span>}
        <time dateTime={event.at} title={new Date(event.at).toLocaleString()}>
          {age(event.at, now)}
        </time>
      </div>
    </li>
  );
}
