import * as React from 'react';

import { Table } from '../accounts/parts';
import { places, thinned, valueAt, type Series } from './series';

/** More rows than this nobody reads; a job's file has them all. */
const ROWS = 200;

/** The same numbers as the plot, for reading and for copying. */
export function PlotTable(props: {
  label: string;
  series: readonly Series[];
  xLabel: string;
  x: (value: number) => string;
  y: (value: number) => string;
}): JSX.Element {
  const { series } = props;
  const all = places(series);
  const rows = thinned(all, ROWS);
  return (
    <div className="clg-plot-table" tabIndex={0} role="region" aria-label={`${props.label}, as a table`}>
      <Table label={props.label} columns={[props.xLabel, ...series.map(s => s.name)]}>
        {rows.map(x => (
          <tr key={x}>
            <th scope="row">{props.x(x)}</th>
            {series.map(s => {
              const value = valueAt(s.points, x);
              return (
                <td key={s.id} className="clg-number">
                  {value === null ? '–' : props.y(value)}
                </td>
              );
            })}
          </tr>
        ))}
      </Table>
      {rows.length < all.length && (
        <p className="clg-hint">
          {rows.length} of {all.length} rows are shown.
        </p>
      )}
    </div>
  );
}
