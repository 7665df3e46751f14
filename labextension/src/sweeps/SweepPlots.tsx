import * as React from 'react';

import type { PointOut, SweepDetail } from '../api';
import { Problem } from '../accounts/parts';
import type { Client } from '../client';
import { LinePlot } from '../plots/LinePlot';
import { useLive } from '../plots/live';
import type { Series } from '../plots/series';
import { parameterNames, pointText } from './words';

/** A figure of the jobs over their steps, and its last value over the points. */
export function SweepPlots(props: {
  client: Client;
  sweep: SweepDetail;
  points: readonly PointOut[];
  chosen: ReadonlySet<string>;
  live: boolean;
}): JSX.Element {
  const { client, sweep, points, chosen, live } = props;
  const [asked, ask] = React.useState('');
  const key = asked || sweep.objective?.metric || '';
  const { value, problem, reload } = useLive(`sweep-metrics/${sweep.group}/${sweep.id}/${key}`, live, () =>
    client.compareMetrics(sweep.group, sweep.id, key || undefined)
  );
  const keys = value?.keys ?? [];
  const lines: Series[] = (value?.items ?? [])
    .filter(item => chosen.has(item.job) && item.points.length > 0)
    .map(item => ({
      id: item.job,
      name: pointText(item.values) || (item.point === null ? item.name : `point ${item.point}`),
      points: item.points
    }));
  const shownKey = value?.key || key;
  return (
    <section className="clg-plots-part" aria-label="Plots" data-testid="collegium-sweep-plots">
      <Problem of={problem} retry={reload} />
      {keys.length > 1 && (
        <label className="clg-sweep-key">
          Figure
          <select
            className="clg-select"
            data-testid="collegium-sweep-key"
            value={shownKey}
            onChange={event => ask(event.target.value)}
          >
            {[...new Set([shownKey, ...keys])].filter(Boolean).map(name => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
      {value && keys.length === 0 ? (
        <p className="clg-empty" data-testid="collegium-sweep-no-figures">
          No job of this sweep has told a figure yet. Lines of JSON in <code>metrics.jsonl</code> among a
          job’s artifacts, such as <code>{'{"step": 3, "loss": 0.25}'}</code>, are drawn here.
        </p>
      ) : (
        <div className="clg-plot-grid">
          {lines.length > 0 ? (
            <LinePlot
              title={`${shownKey} over the steps`}
              testid="collegium-sweep-lines"
              xLabel="step"
              whole
              series={lines}
            />
          ) : (
            value && (
              <p className="clg-empty">Tick points in the table below to draw their {shownKey} here.</p>
            )
          )}
          <PointPlot name={shownKey} items={value?.items ?? []} sweep={sweep} points={points} />
        </div>
      )}
    </section>
  );
}

function PointPlot(props: {
  name: string;
  items: readonly { point: number | null; points: readonly (readonly [number, number])[] }[];
  sweep: SweepDetail;
  points: readonly PointOut[];
}): JSX.Element | null {
  const { sweep, points, name } = props;
  const [over, setOver] = React.useState('#');
  const values = new Map(points.map(point => [point.point, point.values]));
  const numeric = parameterNames(points).filter(n =>
    points.every(p => typeof (p.values[n] ?? 0) === 'number')
  );
  const place = (point: number) => (over === '#' ? point : (values.get(point)?.[over] as number | undefined));
  const found = props.items.flatMap(item => {
    const x = item.point === null ? undefined : place(item.point);
    const last = item.points[item.points.length - 1];
    return x === undefined || !last ? [] : [[x, last[1]] as const];
  });
  if (found.length === 0) {
    return null;
  }
  const best = name === sweep.objective?.metric && sweep.best ? place(sweep.best.point) : undefined;
  return (
    <div>
      <LinePlot
        title={`Last ${name} of each point`}
        testid="collegium-sweep-dots"
        xLabel={over === '#' ? 'point' : over}
        whole={over === '#'}
        dots
        marked={best === undefined ? null : { x: best, label: 'best' }}
        series={[{ id: name, name, points: found.sort((a, b) => a[0] - b[0]) }]}
      />
      {numeric.length > 0 && (
        <label className="clg-sweep-key">
          Over
          <select className="clg-select" value={over} onChange={event => setOver(event.target.value)}>
            <option value="#">the points in order</option>
            {numeric.map(n => (
              <option key={n}>{n}</option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}
