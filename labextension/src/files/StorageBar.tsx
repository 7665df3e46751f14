import * as React from 'react';

import { bytes } from '../format';
import { counted } from './kinds';
import type { Storage } from './wire';

/** How full the group's storage is, and what to do when nothing more goes in. */
export function StorageBar({ storage }: { storage: Storage | null }): JSX.Element | null {
  if (!storage) {
    return null;
  }
  const { used, limit, uploads, trash, files } = storage;
  const taken = used + uploads;
  const share = limit === null ? 0 : limit === 0 ? 1 : Math.min(1, taken / limit);
  const text = limit === null ? `${bytes(used)} stored, no limit` : `${bytes(taken)} of ${bytes(limit)}`;
  const level = share >= 1 ? 'full' : share >= 0.9 ? 'high' : 'normal';
  const parts = [
    counted(files, 'file'),
    uploads > 0 && `${bytes(uploads)} held for uploads`,
    trash > 0 && `${bytes(trash)} in the trash`
  ].filter(Boolean);
  return (
    <div className="clg-storage" data-testid="collegium-storage" data-level={level}>
      <div className="clg-storage-text">
        <span>{text}</span>
        <span className="clg-hint">{parts.join(' · ')}</span>
      </div>
      {limit !== null && (
        <div
          className="clg-meter"
          role="meter"
          aria-label="Storage of the group"
          aria-valuemin={0}
          aria-valuemax={limit}
          aria-valuenow={Math.min(taken, limit)}
          aria-valuetext={text}
        >
          <div className={`clg-meter-fill clg-meter-${level}`} style={{ width: `${share * 100}%` }} />
        </div>
      )}
      {share >= 1 && (
        <p className="clg-error" role="alert">
          The group’s storage is full: nothing more can be written.{' '}
          {trash > 0
            ? `The trash holds ${bytes(trash)}; empty it, or delete what is not needed.`
            : 'Delete what is not needed, or ask an administrator for more.'}
        </p>
      )}
    </div>
  );
}
