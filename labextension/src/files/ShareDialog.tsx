import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { CopyBox, Problem, Time } from '../accounts/parts';
import { ApiError } from '../client';
import { errorAt, serverErrors } from '../errors';
import { Field } from '../widgets/Field';
import type { FilesModel } from './FilesModel';
import { Modal } from './Modal';
import type { Entry, ShareCreated } from './wire';

/** Who may open a link, by what the group's settings allow at most. */
export const AUDIENCE: Record<string, string> = {
  off: 'nobody: links are switched off',
  members: 'members of this group who have logged in',
  login: 'everybody who can log in here',
  public: 'everybody who can log in here, and everybody else where a link says so'
};

export function ShareDialog(props: { model: FilesModel; entry: Entry; onClose: () => void }): JSX.Element {
  const { model, entry, onClose } = props;
  const { client, group } = model;
  const [made, setMade] = React.useState<ShareCreated | null>(null);
  const { value, problem } = useLoad(`shares/${group}`, () => client.shares(group));
  return (
    <Modal title={`Share ${entry.name}`} testid="collegium-share-dialog" onClose={onClose}>
      <Problem of={problem} />
      {made ? (
        <Made share={made} onClose={onClose} />
      ) : value?.problem ? (
        <>
          <p className="clg-notice">{value.problem}</p>
          <div className="clg-actions">
            <button type="button" className="clg-button" onClick={onClose}>
              Close
            </button>
          </div>
        </>
      ) : (
        value && <ShareForm {...props} allowed={value.allowed} onMade={setMade} />
      )}
    </Modal>
  );
}

function Made({ share, onClose }: { share: ShareCreated; onClose: () => void }): JSX.Element {
  return (
    <>
      <p>This is the link. It is shown only now; the service keeps nothing that could open it.</p>
      <CopyBox text={share.url} label="Link" testid="collegium-share-url" />
      <p className="clg-hint">
        It opens until <Time at={share.expires_at} />
        {share.has_password && ', and asks for the password'}. Revoke it under Links.
      </p>
      <div className="clg-actions">
        <button type="button" className="clg-button clg-primary" onClick={onClose}>
          Done
        </button>
      </div>
    </>
  );
}

function ShareForm(props: {
  model: FilesModel;
  entry: Entry;
  allowed: string;
  onMade: (share: ShareCreated) => void;
  onClose: () => void;
}): JSX.Element {
  const { model, entry, allowed } = props;
  const [days, setDays] = React.useState('7');
  const [password, setPassword] = React.useState('');
  const [open, setOpen] = React.useState(false);
  const [note, setNote] = React.useState('');
  const save = useAction();
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    void save.run(async () =>
      props.onMade(
        await model.client.createShare(model.group, {
          path: entry.path,
          expires_in_days: Number(days),
          password: password || null,
          public: open,
          note: note.trim()
        })
      )
    );
  };
  const errors =
    save.problem instanceof ApiError ? serverErrors(save.problem.message, save.problem.details) : {};
  const placed = ['expires_in_days', 'password', 'public', 'note'].some(field =>
    errorAt(errors, field, true)
  );
  return (
    <form className="clg-stack" onSubmit={submit}>
      {!placed && <Problem of={save.problem} />}
      <p className="clg-hint">
        Who has the link may read {entry.kind === 'folder' ? 'the folder and all in it' : 'the file'}:{' '}
        {open ? 'everybody, without login' : (AUDIENCE[allowed === 'public' ? 'login' : allowed] ?? allowed)}.
      </p>
      <Field
        id="clg-share-days"
        title="Valid for (days)"
        error={errorAt(errors, 'expires_in_days', true)}
        description="At most 365."
      >
        {aria => (
          <input
            {...aria}
            type="number"
            min={1}
            max={365}
            required
            className="clg-input"
            data-testid="collegium-share-days"
            value={days}
            onChange={event => setDays(event.target.value)}
          />
        )}
      </Field>
      <Field
        id="clg-share-password"
        title="Password"
        error={errorAt(errors, 'password', true)}
        description="May be empty. Send it another way than the link."
      >
        {aria => (
          <input
            {...aria}
            type="password"
            autoComplete="new-password"
            minLength={8}
            maxLength={200}
            className="clg-input"
            data-testid="collegium-share-password"
            value={password}
            onChange={event => setPassword(event.target.value)}
          />
        )}
      </Field>
      <Field id="clg-share-note" title="Note for the group" error={errorAt(errors, 'note', true)}>
        {aria => (
          <input
            {...aria}
            maxLength={200}
            className="clg-input"
            value={note}
            onChange={event => setNote(event.target.value)}
          />
        )}
      </Field>
      {allowed === 'public' && (
        <label className="clg-check">
          <input
            type="checkbox"
            checked={open}
            data-testid="collegium-share-public"
            onChange={event => setOpen(event.target.checked)}
          />
          Without login: whoever has the link can read it
        </label>
      )}
      {errorAt(errors, 'public', true) && <p className="clg-error">{errorAt(errors, 'public', true)}</p>}
      <div className="clg-actions">
        <button
          type="submit"
          className="clg-button clg-primary"
          data-testid="collegium-share-make"
          disabled={save.busy}
        >
          Make the link
        </button>
        <button type="button" className="clg-button" onClick={props.onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
