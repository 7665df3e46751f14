import * as React from 'react';

import type { IdentityOut } from '../api';
import type { Client } from '../client';
import { useLoad } from './load';
import { Badge, Problem, Time } from './parts';
import { plainWords } from './text';

const TONES: Record<string, 'good' | 'bad' | 'warn'> = {
  ok: 'good',
  unavailable: 'bad',
  misconfigured: 'bad'
};

const PROVIDERS: Record<IdentityOut['provider'], string> = {
  keycloak: 'Keycloak',
  local: 'this hub, with the people of the catalog'
};
/** Lists of the report that somebody should read. */
const LISTS: Record<string, string> = {
  refused: 'Groups that were refused',
  undeclared: 'Groups of the provider that nobody declared here'
};

/** Where people and groups come from, how that is, and what is missing. */
export function Identity({ client }: { client: Client }): JSX.Element {
  const { value, problem, reload } = useLoad('identity', () => client.identity());
  return (
    <>
      <div className="clg-bar">
        <button type="button" className="clg-button" onClick={reload}>
          Refresh
        </button>
      </div>
      <Problem of={problem} retry={reload} />
      {value ? (
        <Status status={value} />
      ) : (
        !problem && (
          <p className="clg-hint" role="status">
            Loading …
          </p>
        )
      )}
    </>
  );
}

function Status({ status }: { status: IdentityOut }): JSX.Element {
  return (
    <>
      <section className="clg-card" data-testid="collegium-identity" aria-label="Provider">
        <dl className="clg-facts">
          <div>
            <dt>Provider</dt>
            <dd>{PROVIDERS[status.provider]}</dd>
          </div>
          {status.issuer && (
            <div>
              <dt>Issuer</dt>
              <dd className="clg-path">{status.issuer}</dd>
            </div>
          )}
          <div>
            <dt>State</dt>
            <dd>
              <Badge word={status.state} tone={TONES[status.state]} />
            </dd>
          </div>
          {status.provider === 'keycloak' && (
            <>
              <div>
                <dt>Since</dt>
                <dd>
                  <Time at={status.since} />
                </dd>
              </div>
              <div>
                <dt>Last sync</dt>
                <dd>
                  <Time at={status.synced_at} />
                </dd>
              </div>
            </>
          )}
        </dl>
        {status.message && <p>{status.message}</p>}
      </section>
      <Missing missing={status.missing} />
      <Report report={status.report} />
    </>
  );
}

/** What is not set up, what for it is needed, and how it is enabled. */
export function Missing({ missing }: { missing: IdentityOut['missing'] }): JSX.Element | null {
  if (missing.length === 0) {
    return null;
  }
  return (
    <section aria-label="What is missing" data-testid="collegium-missing">
      <h2>What is missing</h2>
      <ul className="clg-cards">
        {missing.map(item => (
          <li key={item.what} className="clg-card">
            <h3>{item.what}</h3>
            <p>{item.why}</p>
            <p className="clg-hint">{item.how}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What the last walk found: first the lists that somebody should read, then the figures. */
function Report({ report }: { report: IdentityOut['report'] }): JSX.Element | null {
  const parts = Object.entries(report);
  if (parts.length === 0) {
    return null;
  }
  const figures = parts.filter(([name, value]) => !Array.isArray(value) && !name.endsWith('_count'));
  return (
    <section aria-label="Last sync" data-testid="collegium-report">
      <h2>What the last sync found</h2>
      {Object.entries(LISTS).map(([name, title]) => (
        <List key={name} title={title} items={report[name]} count={report[`${name}_count`]} />
      ))}
      <dl className="clg-details">
        {figures.map(([name, value]) => (
          <React.Fragment key={name}>
            <dt>{plainWords(name)}</dt>
            <dd>{typeof value === 'object' ? JSON.stringify(value) : String(value)}</dd>
          </React.Fragment>
        ))}
      </dl>
    </section>
  );
}

function List(props: { title: string; items: unknown; count: unknown }): JSX.Element | null {
  const items = Array.isArray(props.items) ? props.items.map(String) : [];
  if (items.length === 0) {
    return null;
  }
  const count = typeof props.count === 'number' ? props.count : items.length;
  return (
    <details className="clg-card" open={items.length <= 20}>
      <summary>
        {props.title} ({count})
      </summary>
      <ul>
        {items.map(item => (
          <li key={item} className="clg-path">
            {item}
          </li>
        ))}
      </ul>
      {count > items.length && <p className="clg-hint">… and {count - items.length} more.</p>}
    </details>
  );
}
