import { addIcon, refreshIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Ending } from '../accounts/Ending';
import { menuLinks } from '../accounts/links';
import { ProfileMenu } from '../accounts/ProfileMenu';
import type { Actions } from '../actions';
import { useSignal } from '../hooks';
import type { JobList } from '../joblist';
import type { Session } from '../session';
import { Jobs } from './Jobs';
import { Resources } from './Resources';
import { Section } from './Section';
import { StatusView } from './Status';

export interface PanelProps {
  session: Session;
  jobs: JobList;
  actions: Actions;
}

/** The whole panel. */
export function Sidebar({ session, jobs, actions }: PanelProps): JSX.Element {
  useSignal(session.changed);
  const { client, context } = session;
  return (
    <div className="clg-panel" data-testid="collegium-panel">
      {client && (
        <div className="clg-account">
          <ProfileMenu user={session.user} links={menuLinks(client.page, context?.account)} blank />
        </div>
      )}
      {context && <Ending rows={context.ending} />}
      {session.status === 'ready' ? (
        <Content session={session} jobs={jobs} actions={actions} />
      ) : (
        <StatusView session={session} />
      )}
    </div>
  );
}

function Content({ session, jobs, actions }: PanelProps): JSX.Element {
  const { context, group } = session;
  if (!group) {
    return (
      <div className="clg-status" data-testid="collegium-status" data-status="no-group" role="status">
        <h3>No group yet</h3>
        <p>{context?.no_group_message || 'You are in no group. Ask an administrator for membership.'}</p>
        <div className="clg-actions">
          <button type="button" className="clg-button" onClick={() => void session.refresh()}>
            Look again
          </button>
        </div>
      </div>
    );
  }
  const denied = session.denied('job.submit');
  return (
    <>
      <GroupSwitcher session={session} />
      <Section id="resources" title="Resources">
        <Resources session={session} />
      </Section>
      <Section
        id="jobs"
        title="Jobs"
        grow
        tools={
          <button
            type="button"
            className="clg-button clg-primary clg-small"
            data-testid="collegium-new-job"
            disabled={!!denied}
            title={denied || 'Submit a new job'}
            onClick={() => actions.newJob()}
          >
            <addIcon.react tag="span" className="clg-icon clg-icon-inverse" />
            New job
          </button>
        }
      >
        <Jobs session={session} jobs={jobs} actions={actions} />
      </Section>
    </>
  );
}

function GroupSwitcher({ session }: { session: Session }): JSX.Element {
  const groups = session.context?.groups ?? [];
  const group = session.group;
  return (
    <div className="clg-group">
      <div className="clg-group-row">
        <label className="clg-visually-hidden" htmlFor="clg-group-select">
          Group
        </label>
        <select
          id="clg-group-select"
          className="clg-select"
          data-testid="collegium-group-select"
          value={group?.name}
          title={group?.description}
          onChange={event => session.selectGroup(event.target.value)}
        >
          {groups.map(g => (
            <option key={g.name} value={g.name}>
              {g.display_name || g.name}
              {g.role ? ` (${g.role})` : ''}
            </option>
          ))}
        </select>
        <button
          type="button"
          className="clg-icon-button"
          title="Refresh"
          aria-label="Refresh"
          onClick={() => void session.refresh()}
        >
          <refreshIcon.react tag="span" className="clg-icon" />
        </button>
      </div>
      {group?.description && <p className="clg-hint">{group.description}</p>}
      {session.interrupted && (
        <p className="clg-hint" role="status">
          Live updates are interrupted; refreshing every {session.pollSeconds} seconds.
        </p>
      )}
      {session.context?.notice && <p className="clg-hint clg-notice">{session.context.notice}</p>}
    </div>
  );
}
