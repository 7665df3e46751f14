import * as React from 'react';

import { Drawing, seriesClass, type PlotProps } from './Drawing';
import { PlotTable } from './PlotTable';
import { formatValue } from './scale';
import { valueAt, type Series } from './series';

/** Lines over an axis: to look at, to point at, to walk through by keys, and to read as a table. */
export function LinePlot(props: PlotProps): JSX.Element {
  const { series, title, yKind = 'number', xKind = 'number' } = props;
  const id = React.useId();
  const [log, setLog] = React.useState(false);
  const [table, setTable] = React.useState(false);
  const [hidden, setHidden] = React.useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = React.useState<number | null>(null);
  const shown = series.filter(s => !hidden.has(s.id));
  const positive = series.some(s => s.points.some(([, y]) => y > 0));
  const drawn = log ? shown.map(s => ({ ...s, points: s.points.filter(([, y]) => y > 0) })) : shown;
  const left =
    shown.reduce((n, s) => n + s.points.length, 0) - drawn.reduce((n, s) => n + s.points.length, 0);
  const toggle = (name: string) =>
    setHidden(before => {
      const after = new Set(before);
      if (!after.delete(name)) {
        after.add(name);
      }
      return after;
    });
  const text = (s: Series) => {
    const value = at === null ? null : valueAt(s.points, at);
    return value === null ? '' : formatValue(value, yKind);
  };
  return (
    <figure
      className="clg-plot"
      data-testid={props.testid}
      data-series={series.length}
      aria-labelledby={`${id}-t`}
    >
      <figcaption className="clg-plot-head">
        <span id={`${id}-t`} className="clg-plot-title">
          {title}
        </span>
        {at !== null && (
          <span className="clg-plot-place" data-testid="collegium-plot-place">
            {[`${props.xLabel} ${formatValue(at, xKind)}`, series.length === 1 && text(series[0])]
              .filter(Boolean)
              .join(': ')}
          </span>
        )}
        <span className="clg-spacer" />
        {positive && !table && (
          <button type="button" className="clg-link" aria-pressed={log} onClick={() => setLog(!log)}>
            Log scale
          </button>
        )}
        <button type="button" className="clg-link" aria-pressed={table} onClick={() => setTable(!table)}>
          Table
        </button>
      </figcaption>
      {table ? (
        <PlotTable
          label={title}
          series={series}
          xLabel={props.xLabel}
          x={v => formatValue(v, xKind)}
          y={v => formatValue(v, yKind)}
        />
      ) : (
        <>
          <Drawing {...props} id={id} all={series} series={drawn} log={log} at={at} setAt={setAt} />
          {series.length > 1 && <Legend series={series} hidden={hidden} toggle={toggle} text={text} />}
          {left > 0 && (
            <p className="clg-hint">
              {left} {left === 1 ? 'value that is' : 'values that are'} not above 0 cannot stand on a
              logarithmic axis.
            </p>
          )}
        </>
      )}
    </figure>
  );
}

function Legend(props: {
  series: readonly Series[];
  hidden: ReadonlySet<string>;
  toggle: (id: string) => void;
  text: (series: Series) => string;
}): JSX.Element {
  const { series, hidden } = props;
  return (
    <div className="clg-plot-legend">
      {series.map((s, index) => (
        <button
          key={s.id}
          type="button"
          className={`clg-plot-key ${seriesClass(index)}`}
          aria-pressed={!hidden.has(s.id)}
          title={hidden.has(s.id) ? `Show ${s.name}` : `Hide ${s.name}`}
          onClick={() => props.toggle(s.id)}
        >
          <svg width="18" height="8" aria-hidden="true">
            <line x1="0" y1="4" x2="18" y2="4" className="clg-plot-line" />
          </svg>
          <span>{s.name}</span>
          <span className="clg-plot-value">{props.text(s)}</span>
        </button>
      ))}
    </div>
  );
}
