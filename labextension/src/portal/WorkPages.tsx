/** The group's work in the portal: the same parts as in JupyterLab's sidebar and tabs. */

import * as React from 'react';

import { useLoad } from '../accounts/load';
import { Problem } from '../accounts/parts';
import { Actions } from '../actions';
import { ActivitySection } from '../activity/ActivitySection';
import type { ScheduleDetail } from '../api';
import type { Client } from '../client';
import { emptyDraft } from '../draft';
import { FilesView } from '../files/FilesView';
import { useSignal } from '../hooks';
import type { JobTab } from '../host';
import { JobList } from '../joblist';
import { Channels } from '../notifications/Channels';
import { Jobs } from '../panels/Jobs';
import { StatusView } from '../panels/Status';
import { QueuePage } from '../queue/QueuePage';
import { SchedulesSection } from '../schedules/SchedulesSection';
import { ScheduleView } from '../schedules/ScheduleView';
import { SecretsPage } from '../secrets/SecretsPage';
import { Session } from '../session';
import { GroupSettings } from '../settings/GroupSettings';
import { SweepsSection } from '../sweeps/SweepsSection';
import { SweepView } from '../sweeps/SweepView';
import { finish } from '../widgets/finish';
import { FormModel } from '../widgets/FormModel';
import { JobModel } from '../widgets/JobModel';
import { JobView } from '../widgets/JobView';
import { NewJobForm } from '../widgets/NewJobForm';
import { DatasetPages } from './DatasetPages';
import { PortalHost } from './host';
import { go, type GroupPage } from './route';

/** Pixels of a job's row on a page. */
const ROW = 62;
const WORK = [
  'jobs',
  'new-job',
  'schedules',
  'sweeps',
  'queue',
  'files',
  'datasets',
  'new-dataset',
  'activity',
  'notifications',
  'secrets',
  'settings'
] as const;
type Work = (typeof WORK)[number];

export function isWork(tab: GroupPage): tab is Work {
  return (WORK as readonly string[]).includes(tab);
}

interface WorkRoute {
  group: string;
  tab: Work;
  id?: string;
  part?: string;
}

interface Note {
  text: string;
  bad: boolean;
}

/** One session for a group's pages; it lives as long as one stays in the group. */
export function WorkPages({ client, route }: { client: Client; route: WorkRoute }): JSX.Element {
  const [note, setNote] = React.useState<Note | null>(null);
  const [work] = React.useState(() => {
    const session = new Session(client.page);
    const host = new PortalHost(route.group, (text, bad) => setNote({ text, bad }));
    const actions = new Actions(session, host);
    return { session, host, actions, jobs: new JobList(session) };
  });
  const { session, jobs } = work;
  useSignal(session.changed);
  React.useEffect(() => {
    void session.connect(route.group);
    return () => {
      jobs.dispose();
      session.dispose();
    };
  }, [session, jobs, route.group]);
  return (
    <>
      <div role="status" aria-live="polite">
        {note && (
          <p className={note.bad ? 'clg-note clg-note-bad' : 'clg-note'} data-testid="collegium-note">
            {note.text}{' '}
            <button type="button" className="clg-link" onClick={() => setNote(null)}>
              Close
            </button>
          </p>
        )}
      </div>
      {session.status === 'ready' && session.group?.name === route.group ? (
        <Page work={work} route={route} client={client} />
      ) : (
        <StatusView session={session} />
      )}
    </>
  );
}

interface Parts {
  host: PortalHost;
  actions: Actions;
  jobs: JobList;
}

function Page({ work, route, client }: { work: Parts; route: WorkRoute; client: Client }): JSX.Element {
  const { actions, host, jobs } = work;
  const { group, id } = route;
  const to = (tab: Work) => () => go({ page: 'group', group, tab });
  switch (route.tab) {
    case 'jobs':
      return id ? (
        <JobPage key={id} actions={actions} group={group} id={id} tab={(route.part as JobTab) ?? 'log'} />
      ) : (
        <>
          <New label="New job" operation="job.submit" actions={actions} act={() => actions.newJob()} />
          <Jobs jobs={jobs} actions={actions} height={ROW} />
        </>
      );
    case 'new-job':
      return (
        <FormPage
          actions={actions}
          draft={host.draft}
          schedule={null}
          onClose={host.draft?.when === 'schedule' ? to('schedules') : to('jobs')}
        />
      );
    case 'schedules':
      if (id && route.part === 'edit') {
        return <EditPage key={id} client={client} actions={actions} group={group} id={id} />;
      }
      return id ? (
        <div className="clg-card">
          <ScheduleView key={id} actions={actions} group={group} id={id} onGone={to('schedules')} />
        </div>
      ) : (
        <>
          <New
            label="New schedule"
            operation="schedule.create"
            actions={actions}
            act={() => actions.newSchedule()}
          />
          <SchedulesSection actions={actions} />
        </>
      );
    case 'sweeps':
      return id ? (
        <SweepView key={id} actions={actions} client={client} group={group} id={id} onGone={to('sweeps')} />
      ) : (
        <>
          <New
            label="New sweep"
            operation="sweep.submit"
            actions={actions}
            act={() => actions.newJob({ when: 'sweep' })}
          />
          <SweepsSection actions={actions} />
        </>
      );
    case 'queue':
      return (
        <div className="clg-card">
          <QueuePage actions={actions} group={group} />
        </div>
      );
    case 'files':
      return (
        <FilesView
          actions={actions}
          client={client}
          group={group}
          path={id ?? ''}
          entry={host.entry}
          onPath={path => go({ page: 'group', group, tab: 'files', id: path || undefined })}
        />
      );
    case 'datasets':
    case 'new-dataset':
      return (
        <DatasetPages
          actions={actions}
          client={client}
          group={group}
          host={host}
          create={route.tab === 'new-dataset'}
          id={id}
          part={route.part}
        />
      );
    case 'activity':
      return <ActivitySection actions={actions} />;
    case 'notifications':
      return <Channels client={client} group={group} may={!actions.session.denied('channel.create')} />;
    case 'secrets':
      return <SecretsPage client={client} group={group} may={!actions.session.denied('secret.put')} />;
    case 'settings':
      return <GroupSettings client={client} group={group} may={!actions.session.denied('settings.edit')} />;
  }
}

function New(props: { label: string; operation: string; actions: Actions; act: () => void }): JSX.Element {
  const denied = props.actions.session.denied(props.operation);
  return (
    <div className="clg-bar">
      <button
        type="button"
        className="clg-button clg-primary"
        disabled={!!denied}
        title={denied || undefined}
        data-testid={`collegium-${props.label.toLowerCase().replace(' ', '-')}`}
        onClick={props.act}
      >
        {props.label}
      </button>
      {denied && <span className="clg-hint">{denied}</span>}
    </div>
  );
}

function JobPage(props: { actions: Actions; group: string; id: string; tab: JobTab }): JSX.Element {
  const { actions, group, id, tab } = props;
  const [model, setModel] = React.useState<JobModel | null>(null);
  React.useEffect(() => {
    const made = new JobModel(actions, group, id);
    made.setVisible(true);
    setModel(made);
    return () => made.dispose();
  }, [actions, group, id]);
  React.useEffect(() => model?.show(tab), [model, tab]);
  return <div className="clg-card clg-job-card">{model && <JobView model={model} />}</div>;
}

function FormPage(props: {
  actions: Actions;
  draft: PortalHost['draft'];
  schedule: ScheduleDetail | null;
  onClose: () => void;
}): JSX.Element {
  const { actions, schedule } = props;
  const [model, setModel] = React.useState<FormModel | null>(null);
  const draft = React.useRef(props.draft);
  React.useEffect(() => {
    const made = new FormModel(actions.session, { ...emptyDraft(), ...draft.current }, schedule);
    setModel(made);
    return () => made.dispose();
  }, [actions, schedule]);
  return model ? (
    <NewJobForm
      id="clg-form"
      model={model}
      onSubmitted={made => finish(actions, made, schedule !== null)}
      onClose={props.onClose}
    />
  ) : (
    <p className="clg-hint">Loading …</p>
  );
}

function EditPage(props: { client: Client; actions: Actions; group: string; id: string }): JSX.Element {
  const { client, actions, group, id } = props;
  const { value, problem, reload } = useLoad(`edit/${group}/${id}`, () => client.schedule(group, id));
  return (
    <>
      <Problem of={problem} retry={reload} />
      {value && (
        <FormPage
          actions={actions}
          draft={undefined}
          schedule={value}
          onClose={() => go({ page: 'group', group, tab: 'schedules', id })}
        />
      )}
    </>
  );
}
