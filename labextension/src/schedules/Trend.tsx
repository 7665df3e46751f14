import * as React from 'react';

import type { Trend as TrendOut } from '../api';
import { duration } from '../format';
import { bars } from './spark';

const WIDTH = 240;
const HEIGHT = 44;

/** How often it went well, how long it takes, and each of the newest runs as a bar. */
export function TrendView({ trend }: { trend: TrendOut }): JSX.Element {
  const { points } = trend;
  if (points.length === 0) {
    return <p className="clg-hint">No run has ended yet; here stands how they went.</p>;
  }
  const share = trend.success_rate === null ? '–' : `${Math.round(trend.success_rate * 100)} %`;
  const median = trend.median_seconds === null ? '–' : duration(trend.median_seconds * 1000);
  const change =
    trend.change === null || Math.abs(trend.change) < 0.05
      ? ''
      : `${Math.round(Math.abs(trend.change) * 100)} % ${trend.change > 0 ? 'slower' : 'faster'} than before`;
  const drawn = bars(points, WIDTH, HEIGHT);
  const said =
    `${points.length} newest runs: ${trend.succeeded} succeeded, ${trend.failed} failed, ` +
    `${trend.cancelled} cancelled; usual time ${median}`;
  return (
    <div className="clg-trend" data-testid="collegium-trend">
      <dl className="clg-facts">
        <div>
          <dt>Succeeded</dt>
          <dd data-testid="collegium-trend-share">
            {share}{' '}
            <span className="clg-hint">
              ({trend.succeeded} of {trend.succeeded + trend.failed})
            </span>
          </dd>
        </div>
        <div>
          <dt>Usual time</dt>
          <dd>
            {median} {change && <span className="clg-hint">{change}</span>}
          </dd>
        </div>
      </dl>
      <svg
        className="clg-spark"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        width={WIDTH}
        height={HEIGHT}
        role="img"
        aria-label={said}
      >
        <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} className="clg-spark-base" />
        {drawn.map((bar, index) => (
          <rect
            key={index}
            x={bar.x}
            y={bar.y}
            width={bar.width}
            height={bar.height}
            className={`clg-spark-${points[index].state.toLowerCase()}`}
          >
            <title>{bar.title}</title>
          </rect>
        ))}
      </svg>
    </div>
  );
}
