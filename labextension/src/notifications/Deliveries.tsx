import * as React from 'react';

import { usePages } from '../accounts/load';
import { Badge, Listed, More, Table, Time } from '../accounts/parts';
import type { DeliveryOut } from '../api';
import type { Client } from '../client';
import { eventWords } from './form';

/** Between looks at messages that are on their way. */
const PAUSE = 3000;

/** What went out, what did not, and why. */
export function Deliveries(props: { client: Client; group: string; channel: string }): JSX.Element {
  const { client, group, channel } = props;
  const { items, problem, more, busy, reload } = usePages(`deliveries/${group}/${channel}`, cursor =>
    client.deliveries(group, channel, cursor)
  );
  const waiting = items?.some(row => row.state === 'Pending') ?? false;
  React.useEffect(() => {
    if (waiting) {
      const timer = setInterval(() => !document.hidden && reload(), PAUSE);
      return () => clearInterval(timer);
    }
    return undefined;
  }, [waiting, reload]);
  return (
    <section aria-label={`Deliveries of ${channel}`} data-testid="collegium-deliveries">
      <div className="clg-bar">
        <h3>Deliveries of {channel}</h3>
        <button type="button" className="clg-button clg-small" onClick={reload}>
          Refresh
        </button>
      </div>
      <Listed items={items} problem={problem} retry={reload} empty="Nothing was sent over this channel yet.">
        <Table label="Deliveries" columns={['When', 'About', 'State', 'Tries', 'Reason']}>
          {items?.map(row => (
            <tr key={row.id} data-state={row.state}>
              <td className="clg-when">
                <Time at={row.created_at} />
              </td>
              <td>
                {eventWords([row.event])}
                {row.object_id && <div className="clg-hint">{row.object_id}</div>}
              </td>
              <td>
                <DeliveryBadge delivery={row} />
              </td>
              <td className="clg-number">{row.attempts}</td>
              <td>
                {row.message || '–'}
                {row.next_at && (
                  <div className="clg-hint">
                    again <Time at={row.next_at} />
                  </div>
                )}
              </td>
            </tr>
          ))}
        </Table>
        <More more={more} busy={busy} />
      </Listed>
    </section>
  );
}

export function DeliveryBadge({ delivery }: { delivery: DeliveryOut }): JSX.Element {
  const tones = { Pending: undefined, Sent: 'good', Failed: 'bad', Dropped: 'warn' } as const;
  return <Badge word={delivery.state.toLowerCase()} tone={tones[delivery.state]} />;
}
