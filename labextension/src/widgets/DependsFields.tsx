import * as React from 'react';

import type { JobOut } from '../api';
import { messageOf } from '../client';
import type { DependsDraft } from '../draft';
import { errorAt } from '../errors';
import { Icon } from '../icon';
import { StateBadge } from '../panels/StateBadge';
import { Field } from './Field';
import type { FormModel } from './FormModel';

/** Jobs that must end first: found by name, chosen by click or key. */
export function DependsFields({ id, model }: { id: string; model: FormModel }): JSX.Element {
  const { depends } = model.draft;
  const set = (change: Partial<DependsDraft>) => {
    model.clearError('depends_on');
    model.set({ depends: { ...depends, ...change } });
  };
  const several = depends.jobs.length > 1;
  return (
    <fieldset className="clg-parameters clg-worded" data-testid="collegium-depends">
      <legend>Waits for</legend>
      {depends.jobs.length > 0 && (
        <ul className="clg-plain-list">
          {depends.jobs.map(job => (
            <li key={job.id} className="clg-depends-job">
              <span>{job.name}</span> <code className="clg-hint">{job.id}</code>
              <button
                type="button"
                className="clg-icon-button"
                aria-label={`Do not wait for ${job.name}`}
                onClick={() => set({ jobs: depends.jobs.filter(j => j.id !== job.id) })}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      {depends.jobs.length > 0 && (
        <div className="clg-pair">
          {several && (
            <select
              className="clg-select"
              aria-label="How many of them"
              value={depends.need}
              onChange={e => set({ need: e.target.value as DependsDraft['need'] })}
            >
              <option value="all">all of them</option>
              <option value="any">one of them</option>
            </select>
          )}
          <select
            className="clg-select"
            aria-label="Wanted end"
            value={depends.ending}
            onChange={e => set({ ending: e.target.value as DependsDraft['ending'] })}
          >
            <option value="succeeded">must succeed</option>
            <option value="failed">must fail</option>
            <option value="done">must end, however</option>
          </select>
        </div>
      )}
      <JobSearch
        id={`${id}-depends`}
        model={model}
        taken={depends.jobs.map(j => j.id)}
        onChoose={job => set({ jobs: [...depends.jobs, { id: job.id, name: job.name }] })}
      />
      {errorAt(model.errors, 'depends_on', true) && (
        <p className="clg-error">{errorAt(model.errors, 'depends_on', true)}</p>
      )}
    </fieldset>
  );
}

function JobSearch(props: {
  id: string;
  model: FormModel;
  taken: string[];
  onChoose: (job: JobOut) => void;
}): JSX.Element {
  const { model, taken } = props;
  const [text, setText] = React.useState('');
  const [found, setFound] = React.useState<JobOut[] | null>(null);
  const [problem, setProblem] = React.useState('');
  const { client } = model.session;
  React.useEffect(() => {
    if (!text.trim() || !client) {
      setFound(null);
      return;
    }
    let gone = false;
    const timer = setTimeout(() => {
      client.jobs(model.group, { text: text.trim(), limit: 8 }).then(
        page => !gone && setFound(page.items),
        error => !gone && setProblem(messageOf(error))
      );
    }, 300);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [text, client, model.group]);
  const rest = found?.filter(job => !taken.includes(job.id));
  return (
    <>
      <Field id={props.id} title="Find a job" error={problem}>
        {aria => (
          <input
            {...aria}
            className="clg-input"
            type="search"
            autoComplete="off"
            placeholder="Part of its name"
            data-testid="collegium-depends-search"
            value={text}
            onChange={e => setText(e.target.value)}
            onKeyDown={e => e.key === 'Enter' && e.preventDefault()}
          />
        )}
      </Field>
      {rest?.length === 0 && <p className="clg-hint">No other job has that in its name.</p>}
      {rest && rest.length > 0 && (
        <ul className="clg-plain-list" aria-label="Jobs that were found">
          {rest.map(job => (
            <li key={job.id}>
              <button
                type="button"
                className="clg-found"
                data-testid="collegium-depends-found"
                onClick={() => {
                  props.onChoose(job);
                  setText('');
                }}
              >
                <span>{job.name}</span>
                <span className="clg-hint">{job.user}</span>
                <StateBadge state={job.state} testid="collegium-depends-state" />
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
