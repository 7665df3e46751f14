import * as React from 'react';

import type { JobUsageOut } from '../api';
import { Problem } from '../accounts/parts';
import type { Client } from '../client';
import { isFinal } from '../format';
import { LinePlot } from './LinePlot';
import { useLive } from './live';
import { formatValue, type Kind } from './scale';

interface Figure {
  key: 'cpu' | 'memory' | 'gpu' | 'gpu_memory';
  title: string;
  kind: Kind;
}

const FIGURES: readonly Figure[] = [
  { key: 'cpu', title: 'CPU (cores)', kind: 'number' },
  { key: 'memory', title: 'Memory', kind: 'bytes' },
  { key: 'gpu', title: 'GPU (devices at work)', kind: 'number' },
  { key: 'gpu_memory', title: 'GPU memory', kind: 'bytes' }
];

/** What a job uses against what it may: sampled while it runs. */
export function UsageView(props: {
  client: Client;
  job: { id: string; group: string; state: string };
}): JSX.Element {
  const { client, job } = props;
  const live = !isFinal(job.state);
  const { value, problem, reload } = useLive(`usage/${job.group}/${job.id}`, live, () =>
    client.jobUsage(job.group, job.id)
  );
  const drawn = value ? FIGURES.filter(figure => value[figure.key].length > 0) : [];
  return (
    <div className="clg-plots" data-testid="collegium-job-usage">
      <Problem of={problem} retry={reload} />
      {!value && !problem && (
        <p className="clg-hint" role="status">
          Loading …
        </p>
      )}
      {value && drawn.length > 0 && (
        <>
          {value.attempt > 1 && <p className="clg-hint">Attempt {value.attempt}, the latest.</p>}
          <div className="clg-plot-grid">
            {drawn.map(figure => (
              <UsagePlot key={figure.key} figure={figure} usage={value} />
            ))}
          </div>
        </>
      )}
      {value && drawn.length === 0 && (
        <p className="clg-empty" data-testid="collegium-usage-empty">
          {live
            ? 'Nothing was measured yet: CPU, memory and GPU are sampled once the job runs.'
            : 'Nothing was measured: the job ended before the first sample was taken.'}
        </p>
      )}
    </div>
  );
}

function UsagePlot({ figure, usage }: { figure: Figure; usage: JobUsageOut }): JSX.Element {
  const points = usage[figure.key];
  const bound = figure.key === 'gpu_memory' ? null : (usage.limits[figure.key] ?? null);
  const peak = Math.max(...points.map(([, y]) => y));
  const mean = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  return (
    <div>
      <LinePlot
        title={figure.title}
        testid={`collegium-usage-${figure.key}`}
        xLabel="time"
        xKind="seconds"
        yKind={figure.kind}
        zero
        limit={bound ? { value: bound, label: `limit ${formatValue(bound, figure.kind)}` } : null}
        series={[{ id: figure.key, name: figure.title, points }]}
      />
      <p className="clg-hint">
        Highest {formatValue(peak, figure.kind)}, on average {formatValue(mean, figure.kind)}
        {bound ? ` – at most ${formatValue(peak / bound, 'percent')} of the limit` : ''}.
      </p>
    </div>
  );
}
