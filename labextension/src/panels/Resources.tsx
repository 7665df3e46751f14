import * as React from 'react';

import type { HolderOut, QuotaLine } from '../api';
import { age, quotaText, resourceList } from '../format';
import { useNow } from '../hooks';
import type { Session } from '../session';

/** Used and allowed, mine and the group's, and who holds it. */
export function Resources({ session }: { session: Session }): JSX.Element {
  const { usage, usageProblem } = session;
  if (!usage) {
    return <p className="clg-hint">{usageProblem || 'Loading …'}</p>;
  }
  return (
    <>
      {usageProblem && <p className="clg-error">{usageProblem}</p>}
      <div className="clg-usage">
        <Lines title="Mine" testid="collegium-usage-mine" lines={usage.mine} />
        <Lines title="Group" testid="collegium-usage-group" lines={usage.group} />
      </div>
      <Holders holders={usage.holders} user={session.user} />
    </>
  );
}

function Lines(props: { title: string; testid: string; lines: QuotaLine[] }): JSX.Element {
  return (
    <div className="clg-usage-block" role="group" aria-label={props.title} data-testid={props.testid}>
      <h4>{props.title}</h4>
      {props.lines.length === 0 && <p className="clg-hint">Nothing used, no limits.</p>}
      {props.lines.map(line => (
        <Bar key={line.resource} line={line} of={props.title} />
      ))}
    </div>
  );
}

function Bar({ line, of }: { line: QuotaLine; of: string }): JSX.Element {
  const text = quotaText(line);
  const share = line.limit ? Math.min(1, line.used / line.limit) : line.used > 0 ? 1 : 0;
  const level = share >= 1 ? 'full' : share >= 0.8 ? 'high' : 'normal';
  return (
    <div className="clg-quota" data-resource={line.resource}>
      <div className="clg-quota-text">
        {text}
        {line.limit !== null && line.limit > 0 && share >= 1 && <span className="clg-full"> full</span>}
      </div>
      {line.limit !== null && line.limit > 0 && (
        <div
          className="clg-meter"
          role="meter"
          aria-label={`${of}: ${line.resource}`}
          aria-valuemin={0}
          aria-valuemax={line.limit}
          aria-valuenow={Math.min(line.used, line.limit)}
          aria-valuetext={text}
        >
          <div className={`clg-meter-fill clg-meter-${level}`} style={{ width: `${share * 100}%` }} />
        </div>
      )}
    </div>
  );
}

function Holders({ holders, user }: { holders: HolderOut[]; user: string }): JSX.Element {
  const now = useNow(30_000, holders.length > 0);
  return (
    <details className="clg-holders">
      <summary>Who holds what ({holders.length})</summary>
      <div className="clg-table-wrap" data-testid="collegium-holders">
        {holders.length === 0 ? (
          <p className="clg-hint">Nobody holds anything now.</p>
        ) : (
          <table className="clg-table">
            <thead>
              <tr>
                <th scope="col">User</th>
                <th scope="col">What</th>
                <th scope="col">Resources</th>
                <th scope="col">Since</th>
              </tr>
            </thead>
            <tbody>
              {holders.map(holder => (
                <tr key={`${holder.kind}/${holder.user}/${holder.id}`}>
                  <td>
                    {holder.user}
                    {holder.user === user && <span className="clg-hint"> (you)</span>}
                  </td>
                  <td>
                    <span title={holder.id}>
                      {holder.kind} {holder.label && <em>{holder.label}</em>}
                    </span>
                    {holder.instance_type && <div className="clg-hint">{holder.instance_type}</div>}
                  </td>
                  <td>{resourceList(holder.resources)}</td>
                  <td title={new Date(holder.since).toLocaleString()}>{age(holder.since, now)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </details>
  );
}
