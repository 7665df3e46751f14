import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { Badge, Confirmed, Listed, Problem, Table, Time } from '../accounts/parts';
import type { ChannelOut } from '../api';
import type { Client } from '../client';
import { ChannelForm } from './ChannelForm';
import { Deliveries, DeliveryBadge } from './Deliveries';
import { eventWords, KINDS } from './form';

/** Where a group's events go: the list, forms, tries, and what became of each message. */
export function Channels(props: { client: Client; group: string; may: boolean }): JSX.Element {
  const { client, group, may } = props;
  const { value, problem, reload } = useLoad(`channels/${group}`, () => client.channels(group));
  const [form, setForm] = React.useState<ChannelOut | 'new' | null>(null);
  const [open, setOpen] = React.useState('');
  const [said, say] = React.useState('');
  const act = useAction();
  const run = (what: () => Promise<unknown>, done = '') => {
    say('');
    void act.run(what).then(good => {
      if (good) {
        say(done);
      }
      reload();
    });
  };
  const done = () => {
    setForm(null);
    reload();
  };
  return (
    <>
      <p className="clg-hint">
        Channels carry word of this group’s jobs, schedules and sweeps to all who listen there. A job or
        schedule can also name one for itself. Mail about your own work is set under “Notifications” of your
        account.
      </p>
      {form ? (
        <ChannelForm
          key={form === 'new' ? '' : form.name}
          client={client}
          group={group}
          channel={form === 'new' ? undefined : form}
          onDone={done}
          onCancel={() => setForm(null)}
        />
      ) : (
        may && (
          <div className="clg-bar">
            <button
              type="button"
              className="clg-button clg-primary"
              data-testid="collegium-new-channel"
              onClick={() => setForm('new')}
            >
              New channel
            </button>
          </div>
        )
      )}
      {value?.mail === false && value.items.some(row => row.kind === 'email') && (
        <p className="clg-notice">
          This platform has no mail server yet, so channels for e-mail send nothing.
        </p>
      )}
      <Problem of={act.problem} />
      <p role="status" className="clg-hint">
        {said}
      </p>
      <Listed
        items={value?.items ?? null}
        problem={problem}
        retry={reload}
        empty={
          may
            ? 'No channel yet. A channel sends mail, calls a webhook, or writes into Slack when a job of this group ends.'
            : 'No channel yet. Admins of the group make them.'
        }
      >
        <Table
          label="Channels"
          testid="collegium-channels"
          columns={['Channel', 'To', 'When', 'Last', ...(may ? [''] : [])]}
        >
          {value?.items.map(row => (
            <tr key={row.name} data-channel={row.name}>
              <td>
                {row.name}
                <div className="clg-hint">{KINDS[row.kind] ?? row.kind}</div>
                {!row.enabled && <Badge word="off" tone="warn" />}
              </td>
              <td className="clg-path">
                {row.addresses?.length ? row.addresses.join(', ') : row.url}
                {row.has_secret && row.kind === 'webhook' && <div className="clg-hint">signed</div>}
              </td>
              <td>{eventWords(row.events) || <span className="clg-hint">only jobs that name it</span>}</td>
              <td>
                {row.last_delivery ? (
                  <>
                    <DeliveryBadge delivery={row.last_delivery} />{' '}
                    <Time at={row.last_delivery.finished_at ?? row.last_delivery.created_at} />
                    {row.last_delivery.state !== 'Sent' && row.last_delivery.message && (
                      <div className="clg-error">{row.last_delivery.message}</div>
                    )}
                  </>
                ) : (
                  <span className="clg-hint">nothing yet</span>
                )}
              </td>
              {may && (
                <td className="clg-cell-actions">
                  <button
                    type="button"
                    className="clg-link"
                    disabled={act.busy}
                    aria-label={`Send a test over ${row.name}`}
                    data-testid="collegium-channel-test"
                    onClick={() =>
                      run(async () => {
                        await client.testChannel(group, row.name);
                        setOpen(row.name);
                      }, `A test message over ${row.name} is on its way; its fate stands below.`)
                    }
                  >
                    Test
                  </button>
                  <button
                    type="button"
                    className="clg-link"
                    aria-expanded={open === row.name}
                    aria-label={`Deliveries of ${row.name}`}
                    onClick={() => setOpen(open === row.name ? '' : row.name)}
                  >
                    Deliveries
                  </button>
                  <button
                    type="button"
                    className="clg-link"
                    aria-label={`Edit ${row.name}`}
                    onClick={() => setForm(row)}
                  >
                    Edit
                  </button>
                  <Confirmed
                    label="Delete"
                    className="clg-link"
                    question={`Delete the channel ${row.name}? Jobs that name it go on without it.`}
                    danger
                    disabled={act.busy}
                    onConfirm={() => run(() => client.deleteChannel(group, row.name))}
                  />
                </td>
              )}
            </tr>
          ))}
        </Table>
      </Listed>
      {open && may && <Deliveries key={open} client={client} group={group} channel={open} />}
    </>
  );
}
