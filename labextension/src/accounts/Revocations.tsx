import * as React from 'react';

import type { RevocationOut } from '../api';
import type { Client } from '../client';
import { useLoad } from './load';
import { Badge, Listed, Table, Time } from './parts';

export const REASONS: Record<RevocationOut['reason'], string> = {
  removed: 'no longer in the group',
  demoted: 'now a viewer',
  disabled: 'account disabled',
  deleted: 'account deleted'
};

/** Work that ends because its owner lost the right to it. */
export function Revocations({ client, group }: { client: Client; group: string }): JSX.Element {
  const { value, problem, reload } = useLoad(`revocations/${group}`, () => client.revocations(group));
  return (
    <>
      <p className="clg-hint">
        When somebody leaves the group, what they still run here is warned about and then stopped. Schedules
        and deployments belong to the group and go on.
      </p>
      <Listed
        items={value?.items ?? null}
        problem={problem}
        retry={reload}
        empty="Nobody who lost their place here runs anything."
      >
        <Table
          label="Revoked work"
          testid="collegium-revocations"
          columns={['User', 'Why', 'Noticed', 'Ends', 'What', 'State']}
        >
          {value?.items.map(row => (
            <tr key={row.id}>
              <td>{row.user}</td>
              <td>{REASONS[row.reason]}</td>
              <td>
                <Time at={row.noticed_at} />
              </td>
              <td>
                <Time at={row.ended_at ?? row.due_at} />
              </td>
              <td>{held(row)}</td>
              <td>
                <Badge
                  word={row.ended_at ? row.outcome || 'ended' : 'warned'}
                  tone={row.ended_at ? undefined : 'warn'}
                />
              </td>
            </tr>
          ))}
        </Table>
      </Listed>
    </>
  );
}

function held(row: RevocationOut): string {
  return row.holders.map(holder => `${holder.kind} ${holder.label || holder.id}`).join(', ') || '–';
}
