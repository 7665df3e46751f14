import * as React from 'react';

import { useWidth } from './live';
import { extent, formatValue, linearScale, logScale, tightScale, type Kind, type Scale } from './scale';
import { decimate, nearest, places, valueAt, type Point, type Series } from './series';

const HEIGHT = 220;
const TOP = 10;
const BOTTOM = 36;
const RIGHT = 14;
/** Colours and dashes that the style sheet has. */
const COLOURS = 8;

export interface PlotProps {
  title: string;
  series: readonly Series[];
  xLabel: string;
  xKind?: Kind;
  /** Steps and numbers of points are whole. */
  whole?: boolean;
  yLabel?: string;
  yKind?: Kind;
  /** A line that the values should stay below. */
  limit?: { value: number; label: string } | null;
  /** The axis begins at 0. */
  zero?: boolean;
  /** Single points, not joined. */
  dots?: boolean;
  /** The place that is to be marked, with what it is. */
  marked?: { x: number; label: string } | null;
  testid?: string;
}

/** The class that gives the n-th series its colour and dashes. */
export function seriesClass(index: number): string {
  return `clg-series clg-series-${index % COLOURS}${Math.floor(index / COLOURS) % 2 ? ' clg-series-dashed' : ''}`;
}

interface DrawingProps extends PlotProps {
  id: string;
  /** All, so that each keeps its colour while others are hidden. */
  all: readonly Series[];
  log: boolean;
  at: number | null;
  setAt: (x: number | null) => void;
}

function scales(props: DrawingProps, width: number): { x: Scale; y: Scale } {
  const { series, xKind = 'number', yKind = 'number', limit, zero, log } = props;
  const xs = extent(series.flatMap(s => s.points.map(([x]) => x))) ?? [0, 1];
  const values = series.flatMap(s => s.points.map(([, y]) => y));
  const wanted = [...values, ...(limit ? [limit.value] : []), ...(zero && !log ? [0] : [])];
  const ys = extent(wanted) ?? [log ? 1 : 0, log ? 10 : 1];
  const room = Math.max(2, Math.floor(width / 90));
  return {
    x: tightScale(xs[0], xs[1], room, xKind, props.whole),
    y: log ? logScale(ys[0], ys[1], 5, yKind) : linearScale(ys[0], ys[1], 4, yKind)
  };
}

/** The plot itself, with its axes and the place that is read. */
export function Drawing(props: DrawingProps): JSX.Element {
  const { id, series, all, at, setAt, limit, dots, marked, title, xLabel, xKind, yKind } = props;
  const [box, width] = useWidth<HTMLDivElement>(560);
  const { x, y } = scales(props, width);
  const labels = y.ticks.map(t => y.format(t));
  const from = 14 + 7 * Math.max(...labels.map(l => l.length));
  const inner = Math.max(40, width - from - RIGHT);
  const px = (value: number) => from + x.place(value) * inner;
  const py = (value: number) => TOP + (1 - y.place(value)) * (HEIGHT - TOP - BOTTOM);
  const stops = React.useMemo(() => places(series), [series]);
  const point = (event: React.PointerEvent) => {
    const rectangle = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - rectangle.left - from) / inner;
    setAt(stops[nearest(stops, x.min + share * (x.max - x.min))] ?? null);
  };
  const here = at === null ? -1 : nearest(stops, at);
  const onKey = (event: React.KeyboardEvent) => {
    const last = stops.length - 1;
    const next: Record<string, number> = {
      ArrowRight: Math.min(last, here + 1),
      ArrowLeft: here < 0 ? last : Math.max(0, here - 1),
      PageUp: Math.min(last, here + 10),
      PageDown: Math.max(0, here - 10),
      Home: 0,
      End: last
    };
    if (event.key in next && last >= 0) {
      event.preventDefault();
      setAt(stops[next[event.key]]);
    } else if (event.key === 'Escape' && at !== null) {
      event.stopPropagation();
      setAt(null);
    }
  };
  const read = series
    .map(s => [s.name, at === null ? null : valueAt(s.points, at)] as const)
    .filter((pair): pair is readonly [string, number] => pair[1] !== null)
    .map(([name, value]) => `${name} ${formatValue(value, yKind)}`);
  const count = series.reduce((n, s) => n + s.points.length, 0);
  return (
    <div
      ref={box}
      className="clg-plot-area"
      role="slider"
      tabIndex={0}
      aria-label={`${title}: read values by arrow keys`}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, stops.length - 1)}
      aria-valuenow={Math.max(0, here)}
      aria-valuetext={
        at === null ? 'no place chosen' : `${xLabel} ${formatValue(at, xKind)}: ${read.join(', ')}`
      }
      onKeyDown={onKey}
      onBlur={() => setAt(null)}
    >
      <svg
        role="img"
        aria-labelledby={`${id}-title ${id}-desc`}
        width={width}
        height={HEIGHT}
        onPointerMove={point}
        onPointerDown={point}
        onPointerLeave={() => setAt(null)}
      >
        <title id={`${id}-title`}>{title}</title>
        <desc id={`${id}-desc`}>
          {`${series.length} series with ${count} points over ${xLabel} ${formatValue(x.min, xKind)} to ` +
            `${formatValue(x.max, xKind)}; values on an axis from ${labels[0]} to ${labels[labels.length - 1]}` +
            `${props.log ? ', logarithmic' : ''}.`}
        </desc>
        {y.ticks.map((tick, i) => (
          <g key={tick} className="clg-plot-tick">
            <line x1={from} x2={from + inner} y1={py(tick)} y2={py(tick)} />
            <text x={from - 6} y={py(tick)} dy="0.32em" textAnchor="end">
              {labels[i]}
            </text>
          </g>
        ))}
        {x.ticks.map(tick => (
          <g key={tick} className="clg-plot-tick">
            <line x1={px(tick)} x2={px(tick)} y1={HEIGHT - BOTTOM} y2={HEIGHT - BOTTOM + 4} />
            <text x={px(tick)} y={HEIGHT - BOTTOM + 15} textAnchor="middle">
              {x.format(tick)}
            </text>
          </g>
        ))}
        <text className="clg-plot-label" x={from + inner / 2} y={HEIGHT - 4} textAnchor="middle">
          {xLabel}
        </text>
        {limit && (
          <g className="clg-plot-limit">
            <line x1={from} x2={from + inner} y1={py(limit.value)} y2={py(limit.value)} />
            <text x={from + inner} y={py(limit.value) + 12} textAnchor="end">
              {limit.label}
            </text>
          </g>
        )}
        {marked && marked.x >= x.min && marked.x <= x.max && (
          <g className="clg-plot-marked">
            <line x1={px(marked.x)} x2={px(marked.x)} y1={TOP} y2={HEIGHT - BOTTOM} />
            <text x={px(marked.x) + 4} y={TOP + 9}>
              {marked.label}
            </text>
          </g>
        )}
        {series.map(s => (
          <Line
            key={s.id}
            className={seriesClass(all.findIndex(a => a.id === s.id))}
            points={decimate(s.points, inner).map(([a, b]) => [px(a), py(b)])}
            dots={dots || s.points.length === 1}
          />
        ))}
        {at !== null && (
          <line className="clg-plot-cursor" x1={px(at)} x2={px(at)} y1={TOP} y2={HEIGHT - BOTTOM} />
        )}
        {at !== null &&
          series.map(s => {
            const value = valueAt(s.points, at);
            return (
              value !== null && (
                <circle
                  key={s.id}
                  className={`${seriesClass(all.findIndex(a => a.id === s.id))} clg-plot-here`}
                  cx={px(at)}
                  cy={py(value)}
                  r="4"
                />
              )
            );
          })}
      </svg>
    </div>
  );
}

function Line(props: { className: string; points: readonly Point[]; dots: boolean }): JSX.Element {
  const { points, className } = props;
  if (props.dots) {
    return (
      <g className={className}>
        {points.map(([x, y], i) => (
          <circle key={i} className="clg-plot-dot" cx={x} cy={y} r="3.5" />
        ))}
      </g>
    );
  }
  const path = points.map(([x, y], i) => `${i ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
  return (
    <g className={className}>
      <path className="clg-plot-line" d={path} />
    </g>
  );
}
