import * as React from 'react';

import { Ending } from '../accounts/Ending';
import { menuLinks } from '../accounts/links';
import { ProfileMenu } from '../accounts/ProfileMenu';
import type { Actions } from '../actions';
import { ActivitySection } from '../activity/ActivitySection';
import { DatasetsSection } from '../datasets/DatasetsSection';
import { FilesView } from '../files/FilesView';
import { useSignal } from '../hooks';
import { Icon } from '../icon';
import type { JobList } from '../joblist';
import { SchedulesSection } from '../schedules/SchedulesSection';
import type { Session } from '../session';
import { SweepsSection } from '../sweeps/SweepsSection';
import { Jobs } from './Jobs';
import { Resources } from './Resources';
import { Section } from './Section';
import { StatusView } from './Status';

/** Pixels of a job's row in the sidebar. */
const ROW = 88;

export interface PanelProps {
  jobs: JobList;
  actions: Actions;
}

/** The whole panel. */
export function Sidebar({ jobs, actions }: PanelProps): JSX.Element {
  const { session } = actions;
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
        <Content jobs={jobs} actions={actions} />
      ) : (
        <StatusView session={session} />
      )}
    </div>
  );
}

function Content({ jobs, actions }: PanelProps): JSX.Element {
  const { session } = actions;
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
        id="schedules"
        title="Schedules"
        open={false}
        tools={
          <button
            type="button"
            className="clg-button clg-small"
            data-testid="collegium-new-schedule"
            disabled={!!session.denied('schedule.create')}
            title={session.denied('schedule.create') || 'Make a schedule'}
            onClick={() => actions.newSchedule()}
          >
            <Icon name="add" />
            New schedule
          </button>
        }
      >
        <SchedulesSection key={group.name} actions={actions} />
      </Section>
      <Section
        id="sweeps"
        title="Sweeps"
        open={false}
        tools={
          <button
            type="button"
            className="clg-button clg-small"
            data-testid="collegium-new-sweep"
            disabled={!!session.denied('sweep.submit')}
            title={session.denied('sweep.submit') || 'Run a job with many values'}
            onClick={() => actions.newJob({ when: 'sweep' })}
          >
            <Icon name="add" />
            New sweep
          </button>
        }
      >
        <SweepsSection key={group.name} actions={actions} />
      </Section>
      <Section
        id="files"
        title="Shared files"
        open={false}
        tools={
          <button
            type="button"
            className="clg-link"
            data-testid="collegium-open-files"
            onClick={() => actions.host.open({ what: 'files', group: group.name })}
          >
            Open as a tab
          </button>
        }
      >
        {session.client && (
          <FilesView key={group.name} actions={actions} client={session.client} group={group.name} compact />
        )}
      </Section>
      <Section
        id="datasets"
        title="Datasets"
        open={false}
        tools={
          <>
            <button
              type="button"
              className="clg-link"
              data-testid="collegium-open-datasets"
              title="All of them, in a tab"
              onClick={() => actions.host.open({ what: 'datasets', group: group.name })}
            >
              All
            </button>
            <button
              type="button"
              className="clg-button clg-small"
              data-testid="collegium-new-dataset"
              disabled={!!session.denied('dataset.create')}
              title={session.denied('dataset.create') || 'Make a dataset'}
              onClick={() => actions.host.open({ what: 'new-dataset' })}
            >
              <Icon name="add" />
              New dataset
            </button>
          </>
        }
      >
        <DatasetsSection key={group.name} actions={actions} />
      </Section>
      <Section id="activity" title="Recent activity" open={false}>
        <ActivitySection key={group.name} actions={actions} />
      </Section>
      <Section
        id="jobs"
        title="Jobs"
        grow
        tools={
          <>
            <button
              type="button"
              className="clg-link"
              data-testid="collegium-open-queue"
              onClick={() => actions.host.open({ what: 'queue', group: group.name })}
            >
              Queue
            </button>
            <button
              type="button"
              className="clg-button clg-primary clg-small"
              data-testid="collegium-new-job"
              disabled={!!denied}
              title={denied || 'Submit a new job'}
              onClick={() => actions.newJob()}
            >
              <Icon name="add" />
              New job
            </button>
          </>
        }
      >
        <Jobs jobs={jobs} actions={actions} height={ROW} />
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
          <Icon name="refresh" />
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
