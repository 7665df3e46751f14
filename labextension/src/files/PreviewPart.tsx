/** What a file looks like. Nothing of it runs: text is text, pictures are of types that hold no script. */

import * as React from 'react';

import { useLoad } from '../accounts/load';
import { Problem } from '../accounts/parts';
import { bytes } from '../format';
import type { FilesModel } from './FilesModel';
import { SAFE_IMAGES } from './kinds';
import type { EntryDetail, Preview, PreviewCell } from './wire';

/** Larger pictures and documents are downloaded, not shown. */
const LARGEST = 50 * 1024 * 1024;

export function PreviewPart({ model, entry }: { model: FilesModel; entry: EntryDetail }): JSX.Element {
  switch (entry.preview) {
    case 'image':
      return SAFE_IMAGES.includes(entry.media_type) ? (
        <AsBlob model={model} entry={entry} type={entry.media_type} />
      ) : (
        <Nothing why="Pictures of this type may hold scripts, so they are not shown here." />
      );
    case 'pdf':
      return <AsBlob model={model} entry={entry} type="application/pdf" />;
    case 'none':
      return <Nothing why="There is no preview of files of this kind." />;
    default:
      return <Head model={model} entry={entry} />;
  }
}

function Nothing({ why }: { why: string }): JSX.Element {
  return <p className="clg-hint">{why}</p>;
}

function Head({ model, entry }: { model: FilesModel; entry: EntryDetail }): JSX.Element {
  const { group, client } = model;
  const { value, problem, reload } = useLoad(`preview/${group}/${entry.path}/${entry.etag}`, () =>
    client.filePreview(group, entry.path)
  );
  return (
    <>
      <Problem of={problem} retry={reload} />
      {!value && !problem && <p className="clg-hint">Loading …</p>}
      {value && <Shown preview={value} name={entry.name} />}
      {value?.truncated && <p className="clg-hint">This is its beginning; the file goes on.</p>}
    </>
  );
}

function Shown({ preview, name }: { preview: Preview; name: string }): JSX.Element {
  if (preview.columns && preview.rows) {
    return <TableOf preview={preview} name={name} />;
  }
  if (preview.cells) {
    return (
      <div className="clg-notebook" data-testid="collegium-preview-notebook">
        {preview.cells.map((cell, index) => (
          <Cell key={index} cell={cell} />
        ))}
        {preview.cells.length === 0 && <p className="clg-hint">The notebook has no cells.</p>}
      </div>
    );
  }
  if (preview.text !== null && preview.text !== undefined) {
    return preview.text ? (
      <pre className="clg-preview-text" tabIndex={0} data-testid="collegium-preview-text">
        {preview.text}
      </pre>
    ) : (
      <Nothing why="The file is empty." />
    );
  }
  return <Nothing why={preview.reason || 'There is no preview of this file.'} />;
}

function TableOf({ preview, name }: { preview: Preview; name: string }): JSX.Element {
  return (
    <div className="clg-table-wrap clg-preview-table" tabIndex={0} data-testid="collegium-preview-table">
      <table className="clg-table" aria-label={`Beginning of ${name}`}>
        <thead>
          <tr>
            {preview.columns?.map((column, index) => (
              <th key={index} scope="col">
                {column.name}
                <div className="clg-hint">{column.type}</div>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {preview.rows?.map((row, index) => (
            <tr key={index}>
              {row.map((value, column) => (
                <td key={column}>{cellText(value)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function cellText(value: unknown): React.ReactNode {
  if (value === null || value === undefined) {
    return <span className="clg-hint">–</span>;
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function Cell({ cell }: { cell: PreviewCell }): JSX.Element {
  return (
    <div className={`clg-cell clg-cell-${cell.type}`}>
      <pre className="clg-cell-source">{cell.source}</pre>
      {cell.outputs.map((output, index) => (
        <React.Fragment key={index}>
          {output.text && <pre className="clg-cell-output">{output.text}</pre>}
          {output.image?.startsWith('data:image/png;base64,') && (
            <img className="clg-preview-image" src={output.image} alt={`Output ${index + 1}`} />
          )}
        </React.Fragment>
      ))}
    </div>
  );
}

/** A type of our own choice: whatever the file says of itself, nothing but this is made of it. */
function AsBlob(props: { model: FilesModel; entry: EntryDetail; type: string }): JSX.Element {
  const { model, entry, type } = props;
  const { group, client } = model;
  const small = entry.size <= LARGEST;
  const { value, problem, reload } = useLoad(`blob/${group}/${entry.path}/${entry.etag}`, async () =>
    small ? (await client.fileContent(group, entry.path)).arrayBuffer() : null
  );
  const [address, setAddress] = React.useState('');
  React.useEffect(() => {
    if (!value) {
      return;
    }
    const url = URL.createObjectURL(new Blob([value], { type }));
    setAddress(url);
    return () => {
      setAddress('');
      URL.revokeObjectURL(url);
    };
  }, [value, type]);
  if (!small) {
    return <Nothing why={`It has ${bytes(entry.size)}; download it to see it.`} />;
  }
  return (
    <>
      <Problem of={problem} retry={reload} />
      {!address && !problem && <p className="clg-hint">Loading …</p>}
      {address && type !== 'application/pdf' && (
        <img
          className="clg-preview-image"
          src={address}
          alt={entry.name}
          data-testid="collegium-preview-image"
        />
      )}
      {address && type === 'application/pdf' && <Document address={address} name={entry.name} />}
    </>
  );
}

function Document({ address, name }: { address: string; name: string }): JSX.Element {
  const viewer = (navigator as { pdfViewerEnabled?: boolean }).pdfViewerEnabled !== false;
  return viewer ? (
    <iframe className="clg-preview-pdf" src={address} title={name} data-testid="collegium-preview-pdf" />
  ) : (
    <Nothing why="This browser shows no PDF inside a page; download it." />
  );
}
