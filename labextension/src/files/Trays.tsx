/** Below the list: what goes up, what waits for its file, what comes down, and long work. */

import * as React from 'react';

import { messageOf } from '../client';
import { age, bytes } from '../format';
import { useNow } from '../hooks';
import { Icon } from '../icon';
import type { FilesModel } from './FilesModel';
import { counted } from './kinds';
import { nameOf, parentOf } from './paths';
import { UploadTray } from './UploadTray';
import { shareOf, verbOf } from './work';
import type { Task, Upload } from './wire';

export function Trays({ model }: { model: FilesModel }): JSX.Element {
  return (
    <div className="clg-trays">
      <UploadTray queue={model.queue} group={model.group} />
      <Unfinished model={model} />
      <Tasks tasks={model.work.running} />
      <Downloads model={model} />
    </div>
  );
}

/** Begun before this page was opened: the service has a part of them, and waits for the rest. */
function Unfinished({ model }: { model: FilesModel }): JSX.Element | null {
  const { orphans } = model;
  if (orphans.length === 0) {
    return null;
  }
  return (
    <section className="clg-tray" aria-label="Unfinished uploads" data-testid="collegium-unfinished">
      <div className="clg-tray-head">
        <h3>Unfinished uploads</h3>
        <span className="clg-hint">Choose the same file again; it goes on where it stopped.</span>
      </div>
      <ul className="clg-plain-list clg-tray-list">
        {orphans.map(upload => (
          <UnfinishedRow key={upload.id} model={model} upload={upload} />
        ))}
      </ul>
    </section>
  );
}

function UnfinishedRow({ model, upload }: { model: FilesModel; upload: Upload }): JSX.Element {
  const now = useNow(60_000);
  const field = React.useRef<HTMLInputElement>(null);
  const [problem, setProblem] = React.useState('');
  const name = nameOf(upload.path);
  const share = upload.size ? upload.offset / upload.size : 0;
  const go = async (file: File | undefined) => {
    try {
      setProblem('');
      if (file) {
        await model.resume(upload, file);
      }
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  return (
    <li
      className="clg-upload"
      data-testid="collegium-unfinished-upload"
      data-path={upload.path}
      data-id={upload.id}
    >
      <div className="clg-upload-line">
        <span className="clg-upload-name" title={upload.path}>
          {name}
        </span>
        <span className="clg-hint clg-upload-where">{parentOf(upload.path)}</span>
        <span className="clg-spacer" />
        <input
          ref={field}
          type="file"
          hidden
          aria-label={`The file of ${name}`}
          data-testid="collegium-unfinished-file"
          onChange={event => {
            void go(event.target.files?.[0]);
            event.target.value = '';
          }}
        />
        <button
          type="button"
          className="clg-button clg-small"
          data-testid="collegium-unfinished-go"
          onClick={() => field.current?.click()}
        >
          Choose the file …
        </button>
        <button
          type="button"
          className="clg-icon-button"
          title="Give it up"
          aria-label={`Give the upload of ${name} up`}
          onClick={() => void model.dropUnfinished(upload)}
        >
          <Icon name="close" />
        </button>
      </div>
      <div
        className="clg-meter"
        role="progressbar"
        aria-label={`Upload of ${name}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.floor(share * 100)}
      >
        <div className="clg-meter-fill clg-meter-idle" style={{ width: `${share * 100}%` }} />
      </div>
      <p className="clg-hint clg-upload-words">
        {bytes(upload.offset)} of {upload.size === null ? 'an unknown size' : bytes(upload.size)} · begun{' '}
        {age(upload.created_at, now)}
      </p>
      {problem && (
        <p className="clg-error" role="alert">
          {problem}
        </p>
      )}
    </li>
  );
}

function Tasks({ tasks }: { tasks: readonly Task[] }): JSX.Element | null {
  if (tasks.length === 0) {
    return null;
  }
  return (
    <section className="clg-tray" aria-label="Work in progress" data-testid="collegium-file-tasks">
      <ul className="clg-plain-list clg-tray-list">
        {tasks.map(task => {
          const share = shareOf(task);
          const what = nameOf(task.source) || task.source;
          const amount = task.total
            ? `${bytes(task.done.bytes)} of ${bytes(task.total.bytes)}, ${task.done.files} of ${counted(task.total.files, 'file')}`
            : `${counted(task.done.files, 'file')}, ${bytes(task.done.bytes)} so far`;
          return (
            <li key={task.id} className="clg-upload" data-testid="collegium-file-task">
              <div className="clg-upload-line">
                <span className="clg-upload-name">
                  {verbOf(task.kind)} {what}
                </span>
              </div>
              <progress
                className="clg-progress"
                aria-label={`${verbOf(task.kind)} ${what}`}
                {...(share !== null && { value: share })}
              />
              <p className="clg-hint clg-upload-words">{amount}</p>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Downloads({ model }: { model: FilesModel }): JSX.Element | null {
  if (model.downloads.rows.length === 0) {
    return null;
  }
  return (
    <section className="clg-tray" aria-label="Downloads" data-testid="collegium-downloads">
      <ul className="clg-plain-list clg-tray-list">
        {model.downloads.rows.map(download => (
          <li key={download.key} className="clg-upload">
            <div className="clg-upload-line">
              <span className="clg-upload-name">Downloading {download.name}</span>
              <span className="clg-spacer" />
              <button
                type="button"
                className="clg-icon-button"
                title="Cancel"
                aria-label={`Cancel the download of ${download.name}`}
                onClick={() => download.scope.abort()}
              >
                <Icon name="close" />
              </button>
            </div>
            <progress
              className="clg-progress"
              aria-label={`Download of ${download.name}`}
              {...(download.total !== null && { value: download.received, max: Math.max(1, download.total) })}
            />
            <p className="clg-hint clg-upload-words">
              {bytes(download.received)}
              {download.total !== null && ` of ${bytes(download.total)}`}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
