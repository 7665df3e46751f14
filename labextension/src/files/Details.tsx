import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { CopyBox, Problem, Time } from '../accounts/parts';
import { bytes } from '../format';
import { Icon } from '../icon';
import type { FilesModel } from './FilesModel';
import { FileIcon, ToolButton } from './icons';
import { isArchive, sortOf, WORDS } from './kinds';
import { uri } from './paths';
import { PreviewPart } from './PreviewPart';
import type { Entry, EntryDetail } from './wire';

/** All about one file or folder. */
export function Details(props: {
  model: FilesModel;
  path: string;
  onClose: () => void;
  onShare: (entry: Entry) => void;
  onUnpack: (entry: Entry) => void;
}): JSX.Element {
  const { model, path } = props;
  const { group, client } = model;
  const { value, problem, reload } = useLoad(`entry/${group}/${path}`, () => client.fileEntry(group, path));
  // Somebody may have put another file in its place.
  const etag = model.list.items.find(e => e.path === path)?.etag ?? '';
  const told = React.useRef('');
  told.current = value?.etag ?? '';
  React.useEffect(() => {
    // Only when the list has news: it may also be the older of the two.
    if (etag && told.current && etag !== told.current) {
      reload();
    }
  }, [etag, reload]);
  const heading = React.useRef<HTMLHeadingElement>(null);
  React.useEffect(() => heading.current?.focus(), [path]);
  return (
    <aside
      className="clg-file-details"
      aria-label="Details"
      data-testid="collegium-file-details"
      data-path={path}
      onKeyDown={event => event.key === 'Escape' && props.onClose()}
    >
      <div className="clg-file-details-head">
        {value && <FileIcon name={sortOf(value)} />}
        <h3 ref={heading} tabIndex={-1}>
          {value?.name ?? path.split('/').pop()}
        </h3>
        <button
          type="button"
          className="clg-icon-button"
          title="Close"
          aria-label="Close the details"
          onClick={props.onClose}
        >
          <Icon name="close" />
        </button>
      </div>
      <Problem of={problem} retry={reload} />
      {value && <Body {...props} entry={value} />}
    </aside>
  );
}

function Body(props: {
  model: FilesModel;
  entry: EntryDetail;
  onShare: (entry: Entry) => void;
  onUnpack: (entry: Entry) => void;
}): JSX.Element {
  const { model, entry } = props;
  const { host } = model.actions;
  const file = entry.kind === 'file';
  return (
    <>
      <div className="clg-actions">
        {file && host.openFile && (
          <ToolButton
            icon="open"
            label="Open in JupyterLab"
            testid="collegium-file-open-in-lab"
            primary
            onClick={() => void model.attempt(() => host.openFile!(model.group, entry.path))}
          />
        )}
        <ToolButton
          icon="download"
          label={file ? 'Download' : 'Download as zip'}
          denied={model.denied('file.read')}
          testid="collegium-file-download"
          onClick={() => void model.download([entry])}
        />
        <ToolButton
          icon="share"
          label="Share"
          denied={model.unshared(entry)}
          testid="collegium-file-share"
          onClick={() => props.onShare(entry)}
        />
        {isArchive(entry) && (
          <ToolButton
            icon="unpack"
            label="Unpack"
            denied={model.locked}
            testid="collegium-file-unpack"
            onClick={() => props.onUnpack(entry)}
          />
        )}
      </div>
      {file && (
        <div className="clg-file-details-preview" data-testid="collegium-preview" data-kind={entry.preview}>
          <PreviewPart model={model} entry={entry} />
        </div>
      )}
      <dl className="clg-facts clg-file-details-facts">
        <div>
          <dt>Kind</dt>
          <dd>
            {WORDS[sortOf(entry)]} {file && <span className="clg-hint">{entry.media_type}</span>}
          </dd>
        </div>
        {file && (
          <div>
            <dt>Size</dt>
            <dd>
              {bytes(entry.size)}
              {entry.size >= 1024 && (
                <span className="clg-hint"> {entry.size.toLocaleString('en')} bytes</span>
              )}
            </dd>
          </div>
        )}
        {entry.modified_at && (
          <div>
            <dt>Modified</dt>
            <dd>
              <Time at={entry.modified_at} />
            </dd>
          </div>
        )}
        {!entry.writable && (
          <div>
            <dt>Access</dt>
            <dd>read only</dd>
          </div>
        )}
      </dl>
      {file && <Checksum key={entry.etag} model={model} entry={entry} />}
      {entry.mounted_at && (
        <div className="clg-file-details-copy">
          <h4>Path in servers and jobs</h4>
          <CopyBox text={entry.mounted_at} label="Path in servers and jobs" testid="collegium-file-path" />
        </div>
      )}
      <div className="clg-file-details-copy">
        <h4>Address for programs</h4>
        <CopyBox
          text={entry.uri || uri(model.group, entry.path)}
          label="Address for programs"
          testid="collegium-file-uri"
        />
        <p className="clg-hint">pandas and everything else that knows fsspec reads it.</p>
      </div>
    </>
  );
}

/** Known, or worked out when somebody wants it: a large file has to be read for that. */
function Checksum({ model, entry }: { model: FilesModel; entry: EntryDetail }): JSX.Element {
  const [found, setFound] = React.useState<string | null>(null);
  const action = useAction();
  const sum = found ?? entry.sha256;
  return (
    <div className="clg-file-details-copy">
      <h4>Checksum (SHA-256)</h4>
      <Problem of={action.problem} />
      {sum ? (
        <CopyBox text={sum} label="SHA-256" testid="collegium-file-sha256" />
      ) : (
        <button
          type="button"
          className="clg-button clg-small"
          data-testid="collegium-file-checksum"
          disabled={action.busy}
          onClick={() =>
            void action.run(async () =>
              setFound((await model.client.fileChecksum(model.group, entry.path)).sha256)
            )
          }
        >
          {action.busy ? 'Reading the file …' : 'Work it out'}
        </button>
      )}
    </div>
  );
}
