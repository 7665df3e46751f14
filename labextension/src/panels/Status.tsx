import * as React from 'react';

import type { Session, Status } from '../session';

const TITLES: Partial<Record<Status, string>> = {
  loading: 'Connecting …',
  'no-hub': 'Not under a hub',
  unavailable: 'The service does not answer',
  outdated: 'Update your image',
  login: 'Log in again',
  error: 'Something went wrong'
};

/** What stands in the panel's place while there is nothing to show. */
export function StatusView({ session }: { session: Session }): JSX.Element {
  const { status } = session;
  const retry = status !== 'loading' && status !== 'no-hub';
  return (
    <div
      className="clg-status"
      data-testid="collegium-status"
      data-status={status}
      role="status"
      aria-live="polite"
    >
      <h3>{TITLES[status]}</h3>
      {session.problem && <p>{session.problem}</p>}
      {status === 'unavailable' && (
        <p className="clg-hint">Trying again by itself. Your jobs go on meanwhile.</p>
      )}
      {status === 'login' && (
        <p className="clg-hint">Reload the page; the hub then asks for your login if it has expired.</p>
      )}
      <div className="clg-actions">
        {status === 'login' && (
          <button type="button" className="clg-button clg-primary" onClick={() => window.location.reload()}>
            Reload the page
          </button>
        )}
        {retry && (
          <button type="button" className="clg-button" onClick={() => void session.connect()}>
            Retry
          </button>
        )}
      </div>
    </div>
  );
}
