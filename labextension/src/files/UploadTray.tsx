import * as React from 'react';

import { bytes, duration } from '../format';
import { Icon } from '../icon';
import { FileIcon } from './icons';
import { counted } from './kinds';
import { nameOf, parentOf } from './paths';
import { isLive, type Choice, type UploadItem } from './uploads/item';
import type { UploadQueue } from './uploads/queue';
import { timeLeft } from './uploads/rate';

/** What goes up, all of it and one by one. */
export function UploadTray({ queue, group }: { queue: UploadQueue; group: string }): JSX.Element | null {
  const { items } = queue;
  if (items.length === 0 && queue.done === 0 && !queue.trouble) {
    return null;
  }
  const live = items.filter(isLive);
  const halted = items.filter(i => i.state === 'Paused' || i.state === 'Failed');
  const open = items.filter(i => i.state !== 'Done');
  return (
    <section className="clg-tray" aria-label="Uploads" data-testid="collegium-uploads">
      <div className="clg-tray-head">
        <h3>Uploads</h3>
        <Sum queue={queue} />
        <span className="clg-spacer" />
        {live.length > 0 && (
          <button type="button" className="clg-link" onClick={() => queue.pauseAll()}>
            Pause all
          </button>
        )}
        {halted.length > 0 && (
          <button type="button" className="clg-link" onClick={() => queue.goAll()}>
            Go on with all
          </button>
        )}
        {open.length > 0 ? (
          <button type="button" className="clg-link" onClick={() => void queue.cancelAll()}>
            Cancel all
          </button>
        ) : (
          <button type="button" className="clg-link" onClick={() => queue.clear()}>
            Clear
          </button>
        )}
      </div>
      {queue.trouble && (
        <p className="clg-error" role="alert">
          {queue.trouble}
        </p>
      )}
      <ul className="clg-plain-list clg-tray-list">
        {[...open, ...items.filter(i => i.state === 'Done')].map(item => (
          <Row key={item.key} item={item} queue={queue} foreign={item.group !== group} />
        ))}
      </ul>
    </section>
  );
}

/** All together, in one line that changes seldom enough to be read aloud. */
function Sum({ queue }: { queue: UploadQueue }): JSX.Element {
  const open = queue.items.filter(i => i.state !== 'Done' && i.state !== 'Failed');
  const rest = open.reduce((sum, i) => sum + i.file.size - i.sent, 0);
  const rate = open.reduce((sum, i) => sum + (i.state === 'Sending' ? (i.rate.perSecond ?? 0) : 0), 0);
  const left = timeLeft(rest, rate);
  const words = [
    queue.done > 0 && `${counted(queue.done, 'file')} done`,
    open.length > 0 && `${open.length}${queue.more ? '+' : ''} to go`,
    open.length > 1 && rate > 0 && `${bytes(rate)}/s`,
    open.length > 1 && left !== null && !queue.more && `${duration(left)} left`
  ].filter(Boolean);
  return (
    <span className="clg-hint" data-testid="collegium-uploads-sum">
      {words.join(' · ')}
    </span>
  );
}

function Row(props: { item: UploadItem; queue: UploadQueue; foreign: boolean }): JSX.Element {
  const { item, queue } = props;
  const { file, state, sent } = item;
  const name = nameOf(item.path);
  const share = file.size > 0 ? sent / file.size : state === 'Done' ? 1 : 0;
  const percent = state === 'Done' ? 100 : Math.min(99, Math.floor(share * 100));
  return (
    <li
      className={`clg-upload clg-upload-${state.toLowerCase()}`}
      data-testid="collegium-upload-row"
      data-path={item.path}
      data-state={state}
      data-sent={sent}
    >
      <div className="clg-upload-line">
        {state === 'Done' && <Icon name="Succeeded" />}
        <span className="clg-upload-name" title={item.path}>
          {name}
        </span>
        <span className="clg-hint clg-upload-where">
          {props.foreign && `${item.group}: `}
          {parentOf(item.path)}
        </span>
        <span className="clg-spacer" />
        {state === 'Done' && <span className="clg-hint">{bytes(file.size)}</span>}
        <Buttons item={item} queue={queue} name={name} />
      </div>
      {state !== 'Done' && state !== 'Conflict' && (
        <div
          className="clg-meter"
          role="progressbar"
          aria-label={`Upload of ${name}`}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={percent}
        >
          <div
            className={`clg-meter-fill${state === 'Failed' ? ' clg-meter-full' : ''}`}
            style={{ width: `${share * 100}%` }}
          />
        </div>
      )}
      {state === 'Conflict' && <Conflict item={item} queue={queue} />}
      {state !== 'Conflict' && state !== 'Done' && <Words item={item} percent={percent} />}
    </li>
  );
}

function Words({ item, percent }: { item: UploadItem; percent: number }): JSX.Element {
  const { file, sent, state } = item;
  if (state === 'Failed') {
    return (
      <p className="clg-error" role="alert">
        {item.problem}
      </p>
    );
  }
  const rate = item.rate.perSecond;
  const left = timeLeft(file.size - sent, rate);
  const finishing = state === 'Sending' && sent >= file.size;
  const words = {
    Waiting: [bytes(file.size), 'waiting'],
    Paused: [`${bytes(sent)} of ${bytes(file.size)}`, 'paused'],
    Done: [],
    Sending: [
      `${bytes(sent)} of ${bytes(file.size)}`,
      `${percent} %`,
      ...(item.stalled
        ? []
        : [rate !== null && `${bytes(rate)}/s`, left !== null && `${duration(left)} left`]),
      finishing && file.size > 0 && 'being put in its place'
    ],
    Conflict: []
  }[state].filter(Boolean);
  return (
    <p className="clg-hint clg-upload-words" data-testid="collegium-upload-words">
      {words.join(' · ')}
      {item.stalled && <span className="clg-error"> {item.stalled} Trying again by itself.</span>}
    </p>
  );
}

function Buttons({ item, queue, name }: { item: UploadItem; queue: UploadQueue; name: string }): JSX.Element {
  return (
    <>
      {isLive(item) && (
        <button
          type="button"
          className="clg-icon-button"
          title="Pause"
          aria-label={`Pause ${name}`}
          data-testid="collegium-upload-pause"
          onClick={() => queue.pause(item)}
        >
          <FileIcon name="pause" />
        </button>
      )}
      {(item.state === 'Paused' || item.state === 'Failed') && (
        <button
          type="button"
          className="clg-icon-button"
          title={item.state === 'Paused' ? 'Go on' : 'Try again'}
          aria-label={`${item.state === 'Paused' ? 'Go on with' : 'Try again'} ${name}`}
          data-testid="collegium-upload-go"
          onClick={() => queue.go(item)}
        >
          {item.state === 'Paused' ? <FileIcon name="go" /> : <Icon name="refresh" />}
        </button>
      )}
      {item.state !== 'Done' && (
        <button
          type="button"
          className="clg-icon-button"
          title="Cancel"
          aria-label={`Cancel ${name}`}
          data-testid="collegium-upload-cancel"
          onClick={() => void queue.cancel(item)}
        >
          <Icon name="close" />
        </button>
      )}
    </>
  );
}

const CHOICES: readonly { choice: Choice; label: string }[] = [
  { choice: 'replace', label: 'Replace' },
  { choice: 'keep-both', label: 'Keep both' },
  { choice: 'skip', label: 'Skip' }
];

function Conflict({ item, queue }: { item: UploadItem; queue: UploadQueue }): JSX.Element {
  const [all, setAll] = React.useState(false);
  const several =
    queue.more || queue.items.filter(i => i.batch === item.batch && i.state !== 'Done').length > 1;
  return (
    <div className="clg-upload-question" role="group" aria-label={`${nameOf(item.wanted)} is there already`}>
      <span>There is a file of this name already.</span>
      {CHOICES.map(({ choice, label }) => (
        <button
          key={choice}
          type="button"
          className="clg-button clg-small"
          data-testid={`collegium-upload-${choice}`}
          onClick={() => queue.resolve(item, choice, all)}
        >
          {label}
        </button>
      ))}
      {several && (
        <label className="clg-check">
          <input type="checkbox" checked={all} onChange={event => setAll(event.target.checked)} />
          the same for all of this drop
        </label>
      )}
    </div>
  );
}
