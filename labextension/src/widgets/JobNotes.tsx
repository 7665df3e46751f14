import * as React from 'react';

import { useAction } from '../accounts/load';
import { Problem } from '../accounts/parts';
import type { Actions } from '../actions';
import { ApiError } from '../client';
import type { JobDetail, JobEdit } from '../api';
import { errorAt, serverErrors, type FieldErrors } from '../errors';
import { Field } from './Field';
import { TagsInput } from './TagsInput';

/** Notes, tags and, while it waits, priority: what can be changed after the submit. */
export function JobNotes(props: { job: JobDetail; actions: Actions; onChanged: () => void }): JSX.Element {
  const { job, actions } = props;
  const [editing, setEditing] = React.useState(false);
  const { session } = actions;
  const { tags = [] } = job;
  const leads = session.group?.role === 'admin' || session.context?.user.platform_admin === true;
  const may = (job.user === session.user || leads) && !session.denied('job.edit');
  if (editing) {
    return (
      <Editor
        job={job}
        actions={actions}
        onClose={changed => {
          setEditing(false);
          if (changed) {
            props.onChanged();
          }
        }}
      />
    );
  }
  return (
    <div className="clg-notes">
      {tags.map(tag => (
        <span key={tag} className="clg-tag">
          {tag}
        </span>
      ))}
      {!!job.priority && <span className="clg-hint">priority {job.priority}</span>}
      {job.notes && <p className="clg-notes-text">{job.notes}</p>}
      {may && (
        <button
          type="button"
          className="clg-link"
          data-testid="collegium-job-edit"
          onClick={() => setEditing(true)}
        >
          {job.notes || tags.length > 0 ? 'Edit notes and tags' : 'Add notes or tags'}
          {job.state === 'Pending' ? ', priority' : ''}
        </button>
      )}
    </div>
  );
}

function Editor(props: {
  job: JobDetail;
  actions: Actions;
  onClose: (changed: boolean) => void;
}): JSX.Element {
  const { job, actions, onClose } = props;
  const [notes, setNotes] = React.useState(job.notes ?? '');
  const [tags, setTags] = React.useState(job.tags ?? []);
  const [priority, setPriority] = React.useState(String(job.priority ?? 0));
  const action = useAction();
  const id = `clg-notes-${job.id}`;
  const waits = job.state === 'Pending';
  const errors: FieldErrors =
    action.problem instanceof ApiError ? serverErrors(action.problem.message, action.problem.details) : {};
  const { client } = actions.session;
  const save = async (event: React.FormEvent) => {
    event.preventDefault();
    const body: JobEdit = { notes, tags };
    if (waits && Number(priority) !== job.priority) {
      body.priority = Number(priority);
    }
    if (client && (await action.run(() => client.editJob(job.group, job.id, body)))) {
      actions.session.touch(job.id);
      onClose(true);
    }
  };
  return (
    <form
      className="clg-form clg-notes-form"
      noValidate
      onSubmit={event => void save(event)}
      onKeyDown={event => event.key === 'Escape' && onClose(false)}
    >
      {Object.keys(errors).length === 0 && <Problem of={action.problem} />}
      <TagsInput
        id={`${id}-tags`}
        tags={tags}
        error={errorAt(errors, 'tags', true)}
        suggest={async () => (await client?.tags(job.group))?.items.map(t => t.tag) ?? []}
        onChange={setTags}
      />
      <Field id={`${id}-text`} title="Notes" error={errorAt(errors, 'notes')}>
        {aria => (
          <textarea
            {...aria}
            className="clg-input"
            rows={4}
            data-testid="collegium-job-notes"
            value={notes}
            autoFocus
            onChange={e => setNotes(e.target.value)}
          />
        )}
      </Field>
      {waits && (
        <Field
          id={`${id}-priority`}
          title="Priority"
          description="In the group’s queue; above 0 takes the role maintainer."
          error={errorAt(errors, 'priority')}
        >
          {aria => (
            <input
              {...aria}
              className="clg-input clg-input-number"
              type="number"
              value={priority}
              onChange={e => setPriority(e.target.value)}
            />
          )}
        </Field>
      )}
      <div className="clg-actions">
        <button
          type="submit"
          className="clg-button clg-primary"
          data-testid="collegium-job-notes-save"
          disabled={action.busy}
        >
          Save
        </button>
        <button type="button" className="clg-button" onClick={() => onClose(false)}>
          Cancel
        </button>
      </div>
    </form>
  );
}
