import * as React from 'react';

import type { PointOut, SweepDetail } from '../api';
import type { Actions } from '../actions';
import { StateBadge } from '../panels/StateBadge';
import { formatNumber } from '../plots/scale';
import { parameterNames, pointText, sorted, valueText, withoutJob, type Order } from './words';

/** All points that were fetched: sorted by any column, a box to draw each, a link to its job. */
export function PointTable(props: {
  sweep: SweepDetail;
  points: readonly PointOut[];
  chosen: ReadonlySet<string>;
  choose: (job: string) => void;
  full: boolean;
  actions: Actions;
}): JSX.Element {
  const { sweep, points, chosen } = props;
  const goal = sweep.objective;
  const [order, setOrder] = React.useState<Order>({ by: 'point', down: false });
  const names = parameterNames(points);
  const columns: [string, string][] = [
    ['point', '#'],
    ...names.map((name): [string, string] => [`=${name}`, name]),
    ...(goal ? [['value', goal.metric] as [string, string]] : []),
    ['state', 'State']
  ];
  const sort = (by: string) =>
    setOrder({ by, down: order.by === by ? !order.down : by === 'value' && goal?.goal === 'maximize' });
  return (
    <div className="clg-table-wrap" data-testid="collegium-sweep-table">
      <table className="clg-table" aria-label="Points">
        <thead>
          <tr>
            <th scope="col">Plot</th>
            {columns.map(([by, title]) => (
              <th
                key={by}
                scope="col"
                aria-sort={order.by === by ? (order.down ? 'descending' : 'ascending') : undefined}
              >
                <button type="button" className="clg-sort" onClick={() => sort(by)}>
                  {title}
                  <span aria-hidden="true">{order.by === by ? (order.down ? ' ▾' : ' ▴') : ''}</span>
                </button>
              </th>
            ))}
            <th scope="col">Job</th>
          </tr>
        </thead>
        <tbody>
          {sorted(points, order).map(point => {
            const best = sweep.best?.point === point.point;
            const { job } = point;
            return (
              <tr
                key={point.point}
                data-point={point.point}
                data-state={point.state}
                className={best ? 'clg-best' : ''}
              >
                <td>
                  <input
                    type="checkbox"
                    aria-label={`Draw point ${point.point}`}
                    title={
                      props.full && job && !chosen.has(job)
                        ? 'As many as can be told apart are drawn already.'
                        : undefined
                    }
                    disabled={!job || (props.full && !chosen.has(job))}
                    checked={job !== null && chosen.has(job)}
                    onChange={() => job && props.choose(job)}
                  />
                </td>
                <td className="clg-number">{point.point}</td>
                {names.map(name => (
                  <td key={name} className="clg-number">
                    {name in point.values ? valueText(point.values[name]) : '–'}
                  </td>
                ))}
                {goal && (
                  <td className="clg-number">
                    {point.value === null ? '–' : formatNumber(point.value)}
                    {best && <span className="clg-badge clg-badge-good">best</span>}
                  </td>
                )}
                <td>
                  {point.state ? (
                    <StateBadge state={point.state} testid="collegium-point-state" />
                  ) : (
                    <span className="clg-hint">{withoutJob(sweep.state)}</span>
                  )}
                </td>
                <td>
                  {job ? (
                    <button
                      type="button"
                      className="clg-link"
                      aria-label={`Open the job of point ${point.point}`}
                      onClick={() =>
                        props.actions.openJob({
                          group: sweep.group,
                          id: job,
                          name: `${sweep.name}: ${pointText(point.values) || point.point}`
                        })
                      }
                    >
                      Open
                    </button>
                  ) : (
                    '–'
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
