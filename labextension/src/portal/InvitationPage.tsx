/** What the link of an invitation opens: what it is, and the two ways to accept it. */

import * as React from 'react';

import type { LookOut } from '../api';
import { useAction, useLoad } from '../accounts/load';
import { Problem, Time } from '../accounts/parts';
import { roleTitle } from '../accounts/roles';
import { ApiError, pagesOf, type Client } from '../client';
import { CLOSED, dropToken } from './invitation';
import { RegisterForm } from './RegisterForm';

interface Props {
  client: Client;
  /** Has the visitor logged in? Then the client has their token. */
  known: boolean;
  token: string;
}

export function InvitationPage(props: Props): JSX.Element {
  return (
    <>
      <header className="clg-top">
        <a className="clg-brand" href={pagesOf(props.client.page).home}>
          Collegium
        </a>
        {props.known && <span className="clg-hint">{props.client.page.user}</span>}
      </header>
      <main id="main" className="clg-main clg-page clg-narrow">
        {props.token ? <Looked {...props} /> : <Closed state="none" />}
      </main>
    </>
  );
}

function Looked(props: Props): JSX.Element {
  const { client, token } = props;
  const { value, problem, reload } = useLoad('look', () => client.lookAtInvitation(token));
  const [closed, close] = React.useState('');
  if (value) {
    const state = closed || value.state;
    return state === 'open' ? <Open {...props} look={value} onClosed={close} /> : <Closed state={state} />;
  }
  if (problem) {
    const state = closedBy(problem);
    return state ? <Closed state={state} /> : <Problem of={problem} retry={reload} />;
  }
  return (
    <p className="clg-hint" role="status">
      Loading …
    </p>
  );
}

/** The state that a refusal tells of, if it is one that no repetition mends. */
function closedBy(problem: unknown): string {
  if (!(problem instanceof ApiError)) {
    return '';
  }
  if (typeof problem.details.state === 'string' && problem.details.state in CLOSED) {
    return problem.details.state;
  }
  return problem.status === 404 || problem.details.field === 'token' ? 'unknown' : '';
}

function Closed({ state }: { state: string }): JSX.Element {
  const { title, text } = CLOSED[state] ?? CLOSED.unknown;
  React.useEffect(() => dropToken(), []);
  return (
    <section className="clg-card" data-testid="collegium-invitation" data-state={state}>
      <h1>{title}</h1>
      <p>{text}</p>
      {state !== 'none' && <p>Ask whoever sent it to you for a new one.</p>}
    </section>
  );
}

function Open(props: Props & { look: LookOut; onClosed: (state: string) => void }): JSX.Element {
  const { client, look, token } = props;
  const [fresh, setFresh] = React.useState(false);
  const [joined, setJoined] = React.useState(false);
  const accept = useAction();
  const onAccept = () =>
    void accept.run(async () => {
      try {
        await client.acceptInvitation(token);
      } catch (error) {
        const state = closedBy(error);
        if (state) {
          props.onClosed(state);
          return;
        }
        throw error;
      }
      dropToken();
      setJoined(true);
    });
  const pages = pagesOf(client.page);
  const group = look.group_display_name || look.group;
  return (
    <section className="clg-card" data-testid="collegium-invitation" data-state={joined ? 'joined' : 'open'}>
      <h1>{joined ? `You are now in ${group}` : `You are invited to ${group}`}</h1>
      <dl className="clg-facts">
        <div>
          <dt>Group</dt>
          <dd>{group}</dd>
        </div>
        <div>
          <dt>As</dt>
          <dd>{roleTitle(look.role)}</dd>
        </div>
        <div>
          <dt>Invited by</dt>
          <dd>{look.invited_by}</dd>
        </div>
        <div>
          <dt>Valid until</dt>
          <dd>
            <Time at={look.expires_at} />
          </dd>
        </div>
        {look.bound_to && (
          <div>
            <dt>Only for</dt>
            <dd>{look.bound_to}</dd>
          </div>
        )}
      </dl>
      <Problem of={accept.problem} />
      {joined ? (
        <div className="clg-actions">
          <a className="clg-button clg-primary" href={pages.hub}>
            To your servers
          </a>
        </div>
      ) : props.known ? (
        <div className="clg-actions">
          <button
            type="button"
            className="clg-button clg-primary"
            data-testid="collegium-accept"
            disabled={accept.busy}
            onClick={onAccept}
          >
            Join as {client.page.user}
          </button>
          <a className="clg-button" href={pages.logout}>
            I am somebody else
          </a>
        </div>
      ) : fresh ? (
        <RegisterForm client={client} token={token} onBack={() => setFresh(false)} />
      ) : (
        <div className="clg-actions">
          <a className="clg-button clg-primary" data-testid="collegium-have-account" href={pages.accept}>
            I have an account
          </a>
          {look.registration && (
            <button
              type="button"
              className="clg-button"
              data-testid="collegium-new-here"
              onClick={() => setFresh(true)}
            >
              I am new here
            </button>
          )}
        </div>
      )}
    </section>
  );
}
