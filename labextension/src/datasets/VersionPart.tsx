import * as React from 'react';

import { useLoad, usePages } from '../accounts/load';
import { Listed, More, Problem, Table } from '../accounts/parts';
import type { TableOut, VersionOut } from '../api';
import { counted } from '../files/kinds';
import { bytes } from '../format';
import type { DatasetProps } from './DatasetView';
import { CopyText } from './parts';
import { addresses, cellText } from './words';

/** What is in a version: its tables with columns and first rows, and all of its files. */
export function VersionPart(props: DatasetProps & { version: VersionOut }): JSX.Element {
  const { client, group, dataset, version } = props;
  const { name } = dataset;
  const detail = useLoad(`version/${group}/${name}/${version.number}`, () =>
    client.datasetVersion(group, name, version.number)
  );
  return (
    <section
      className="clg-card"
      aria-label={`Version ${version.number}`}
      data-testid="collegium-version"
      data-version={version.number}
    >
      <h3>
        {name}@{version.number}
      </h3>
      <dl className="clg-where">
        {addresses(group, dataset, version.number)
          .filter(({ label }) => label !== 'In servers and jobs')
          .map(({ label, text }) => (
            <React.Fragment key={label}>
              <dt>{label}</dt>
              <dd>
                <CopyText text={text} label={label} />
              </dd>
            </React.Fragment>
          ))}
        {version.revision && (
          <>
            <dt>Revision</dt>
            <dd>
              <CopyText text={version.revision} label="Revision" />
            </dd>
          </>
        )}
        {version.manifest && (
          <>
            <dt>Checksum of its list</dt>
            <dd>
              <CopyText text={version.manifest} label="Checksum of its list" />
            </dd>
          </>
        )}
      </dl>
      <Problem of={detail.problem} retry={detail.reload} />
      {detail.value?.tables.map(table => (
        <TablePart key={table.path} table={table} />
      ))}
      {detail.value?.tables.length === 0 && <p className="clg-hint">There are no tables in it.</p>}
      <Manifest {...props} />
    </section>
  );
}

function TablePart({ table }: { table: TableOut }): JSX.Element {
  const rows = table.rows === null ? '' : `, ${counted(table.rows, 'row')}`;
  return (
    <div className="clg-sample" data-testid="collegium-version-table">
      <h4>
        <code className="clg-path">{table.path}</code>{' '}
        <span className="clg-hint">
          {counted(table.columns.length, 'column')}
          {rows}
        </span>
      </h4>
      <div className="clg-table-wrap" tabIndex={0} aria-label={`First rows of ${table.path}`}>
        <table className="clg-table">
          <thead>
            <tr>
              {table.columns.map(column => (
                <th
                  key={column.name}
                  scope="col"
                  className={numeric(column.type) ? 'clg-cell-number' : undefined}
                >
                  {column.name}
                  <div className="clg-hint clg-code">{column.type}</div>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.sample.map((row, index) => (
              <tr key={index}>
                {row.map((value, at) => (
                  <td key={at} className={numeric(table.columns[at]?.type) ? 'clg-cell-number' : undefined}>
                    {value === null ? <span className="clg-hint">null</span> : cellText(value)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** Numbers stand one below the other, whatever their length. */
function numeric(type: string | undefined): boolean {
  return /^(integer|number|u?int|float|double|decimal)/.test(type ?? '');
}

/** Its files; asked for when somebody wants to see them. */
function Manifest(props: DatasetProps & { version: VersionOut }): JSX.Element {
  const [seen, setSeen] = React.useState(false);
  return (
    <details
      className="clg-more-fields"
      data-testid="collegium-manifest"
      onToggle={e => e.currentTarget.open && setSeen(true)}
    >
      <summary>{counted(props.version.files, 'file')} with checksums</summary>
      {seen && <Lines {...props} />}
    </details>
  );
}

function Lines({ client, group, dataset, version }: DatasetProps & { version: VersionOut }): JSX.Element {
  const page = usePages(`manifest/${group}/${dataset.name}/${version.number}`, cursor =>
    client.manifest(group, dataset.name, version.number, cursor)
  );
  return (
    <Listed items={page.items} problem={page.problem} retry={page.reload} empty="No file.">
      <Table label="Files" columns={['Path', 'Size', 'Checksum']}>
        {page.items?.map(line => (
          <tr key={line.path}>
            <td className="clg-path">{line.path}</td>
            <td className="clg-number">{bytes(line.size)}</td>
            <td className="clg-path clg-digest" title={line.digest}>
              {line.digest}
            </td>
          </tr>
        ))}
      </Table>
      <More more={page.more} busy={page.busy} />
    </Listed>
  );
}
