import * as React from 'react';

import type { SeriesOut } from '../api';
import { Problem } from '../accounts/parts';
import type { Client } from '../client';
import { isFinal } from '../format';
import { LinePlot } from './LinePlot';
import { useLive } from './live';
import { formatNumber } from './scale';

const EXAMPLE = `import json, os
with open(os.path.join(os.environ["COLLEGIUM_ARTIFACTS"], "metrics.jsonl"), "a") as file:
    print(json.dumps({"step": 3, "loss": 0.25}), file=file, flush=True)`;

/** What a job tells of itself: a plot for each figure, drawn again while it runs. */
export function MetricsView(props: {
  client: Client;
  job: { id: string; group: string; state: string };
}): JSX.Element {
  const { client, job } = props;
  const live = !isFinal(job.state);
  const { value, problem, reload } = useLive(`metrics/${job.group}/${job.id}`, live, () =>
    client.metrics(job.group, job.id)
  );
  return (
    <div className="clg-plots" data-testid="collegium-metrics">
      <Problem of={problem} retry={reload} />
      {!value && !problem && (
        <p className="clg-hint" role="status">
          Loading …
        </p>
      )}
      {value?.problems.map(text => (
        <p key={text} className="clg-notice">
          {text}
        </p>
      ))}
      {value && value.items.length > 0 && (
        <div className="clg-plot-grid">
          {value.items.map(series => (
            <MetricPlot key={series.key} series={series} />
          ))}
        </div>
      )}
      {value?.items.length === 0 && (
        <div className="clg-empty" data-testid="collegium-metrics-empty">
          <p>
            {live ? 'This job has told no figures yet.' : 'This job told no figures.'} A job that writes lines
            of JSON into <code>metrics.jsonl</code> among its artifacts gets a plot for each of them here,
            while it runs:
          </p>
          <pre className="clg-json">{EXAMPLE}</pre>
        </div>
      )}
    </div>
  );
}

function MetricPlot({ series }: { series: SeriesOut }): JSX.Element {
  return (
    <div>
      <LinePlot
        title={series.key}
        testid={`collegium-metric-${series.key}`}
        xLabel="step"
        whole
        series={[{ id: series.key, name: series.key, points: series.points }]}
      />
      <p className="clg-hint">
        Last {formatNumber(series.value)} at step {series.step}, lowest {formatNumber(series.minimum)},
        highest {formatNumber(series.maximum)}, {series.count} {series.count === 1 ? 'value' : 'values'}
        {series.count > series.points.length && `, of which ${series.points.length} are drawn`}.
      </p>
    </div>
  );
}
