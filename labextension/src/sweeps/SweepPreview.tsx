import * as React from 'react';

import type { SweepIn, SweepPreview as Preview } from '../api';
import { ApiError, messageOf, type Client } from '../client';
import { Table } from '../accounts/parts';
import { valueText } from './words';

const PAUSE = 500;

/** How many points there would be and the first of them, asked when typing pauses. */
export function SweepPreview(props: { client: Client; group: string; sweep: SweepIn | null }): JSX.Element {
  const { client, group } = props;
  const body = props.sweep ? JSON.stringify(props.sweep) : '';
  const [found, setFound] = React.useState<{ body: string; preview?: Preview; problem?: string } | null>(
    null
  );
  React.useEffect(() => {
    if (!body) {
      return;
    }
    let gone = false;
    const timer = setTimeout(() => {
      client.previewSweep(group, JSON.parse(body) as SweepIn).then(
        preview => !gone && setFound({ body, preview }),
        error => !gone && setFound({ body, problem: problemOf(error) })
      );
    }, PAUSE);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [client, group, body]);
  const preview = body && found ? found.preview : undefined;
  const names = preview ? [...new Set(preview.points.flatMap(point => Object.keys(point)))] : [];
  return (
    <div
      className="clg-sweep-preview"
      role="status"
      data-testid="collegium-sweep-preview"
      aria-busy={found?.body !== body}
    >
      {!body && <p className="clg-hint">The points are shown here once the fields above are filled in.</p>}
      {body && found?.problem && <p className="clg-error">{found.problem}</p>}
      {preview && (
        <>
          <p>
            <strong data-testid="collegium-sweep-total">{preview.total}</strong>{' '}
            {preview.total === 1 ? 'job' : 'jobs'}
            {preview.total > preview.points.length && `; the first ${preview.points.length}:`}
          </p>
          {names.length > 0 && (
            <details open={preview.total <= 12}>
              <summary>Points</summary>
              <Table label="Points of the sweep" columns={['#', ...names]}>
                {preview.points.map((point, index) => (
                  <tr key={index}>
                    <th scope="row">{index}</th>
                    {names.map(name => (
                      <td key={name}>{name in point ? valueText(point[name]) : '–'}</td>
                    ))}
                  </tr>
                ))}
              </Table>
            </details>
          )}
        </>
      )}
    </div>
  );
}

function problemOf(error: unknown): string {
  const field =
    error instanceof ApiError && typeof error.details.field === 'string' ? error.details.field : '';
  const text = messageOf(error);
  return field && !text.includes(field) ? `${field}: ${text}` : text;
}
