import * as React from 'react';

import type { AuditOut } from '../api';
import type { Client } from '../client';
import { usePages } from './load';
import { Badge, Listed, More, Search, Table, Time } from './parts';

const TONES: Record<string, 'good' | 'bad' | 'warn'> = { done: 'good', refused: 'warn', failed: 'bad' };

/** Who did what and why: of one group, or of the whole platform. */
export function Audit({ client, group }: { client: Client; group: string | null }): JSX.Element {
  const [text, setText] = React.useState('');
  const page = usePages(`audit/${group ?? ''}/${text}`, cursor => client.audit(group, { text, cursor }));
  return (
    <>
      <div className="clg-bar">
        <Search
          label="Search by person, action or object"
          value={text}
          testid="collegium-audit-search"
          onSearch={setText}
        />
        <button type="button" className="clg-button" onClick={page.reload}>
          Refresh
        </button>
      </div>
      <Listed
        items={page.items}
        problem={page.problem}
        retry={page.reload}
        empty={text ? `Nothing matches “${text}”.` : 'Nothing has been written down yet.'}
      >
        <Table
          label="Audit log"
          testid="collegium-audit"
          columns={[
            'When',
            'Who',
            'Did what',
            'To what',
            ...(group === null ? ['Group'] : []),
            'How it ended',
            'Why'
          ]}
        >
          {page.items?.map(entry => (
            <Line key={entry.sequence} entry={entry} platform={group === null} />
          ))}
        </Table>
        <More more={page.more} busy={page.busy} />
      </Listed>
    </>
  );
}

function Line({ entry, platform }: { entry: AuditOut; platform: boolean }): JSX.Element {
  const details = Object.entries(entry.details ?? {});
  return (
    <tr>
      <td className="clg-when">
        <Time at={entry.at} />
      </td>
      <td>{entry.actor}</td>
      <td className="clg-path">{entry.action}</td>
      <td className="clg-path">{entry.object}</td>
      {platform && <td>{entry.group}</td>}
      <td>
        <Badge word={entry.outcome} tone={TONES[entry.outcome]} />
      </td>
      <td>
        {entry.reason}
        {details.length > 0 && (
          <details>
            <summary className="clg-hint">Details</summary>
            <dl className="clg-details">
              {details.map(([name, value]) => (
                <React.Fragment key={name}>
                  <dt>{name}</dt>
                  <dd>{typeof value === 'string' ? value : JSON.stringify(value)}</dd>
                </React.Fragment>
              ))}
            </dl>
          </details>
        )}
      </td>
    </tr>
  );
}
