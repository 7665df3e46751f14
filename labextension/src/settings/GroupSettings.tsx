import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { Problem } from '../accounts/parts';
import type { SettingsOut, ShareLinks } from '../api';
import { ApiError, type Client } from '../client';
import { errorAt, serverErrors, type FieldErrors } from '../errors';
import { Field } from '../widgets/Field';
import { showInvalid } from '../widgets/focus';
import { allowedLinks, limitHint, settingsDraft, SHARE_LINKS, toSettings, type SettingsDraft } from './draft';

/** What the group's admins set about jobs and files, within the platform's bounds. */
export function GroupSettings(props: { client: Client; group: string; may: boolean }): JSX.Element {
  const { client, group } = props;
  const { value, problem, reload } = useLoad(`settings/${group}`, () => client.groupSettings(group));
  const [said, say] = React.useState('');
  return (
    <>
      <Problem of={problem} retry={reload} />
      {value && (
        <Form
          key={JSON.stringify(value)}
          {...props}
          settings={value}
          said={said}
          onTouched={() => say('')}
          onSaved={() => {
            say('Saved.');
            reload();
          }}
        />
      )}
    </>
  );
}

const FIELDS = [
  { name: 'trash_days', title: 'Days to keep deleted files' },
  { name: 'job_timeout_seconds', title: 'Time limit of jobs that name none (seconds)' },
  { name: 'artifact_days', title: 'Days to keep artifacts of jobs' }
] as const;

function Form(props: {
  client: Client;
  group: string;
  may: boolean;
  settings: SettingsOut;
  said: string;
  onTouched: () => void;
  onSaved: () => void;
}): JSX.Element {
  const { client, group, may, settings } = props;
  const [draft, setDraft] = React.useState(() => settingsDraft(settings));
  const [own, setOwn] = React.useState<FieldErrors>({});
  const save = useAction();
  const form = React.useRef<HTMLFormElement>(null);
  const told =
    save.problem instanceof ApiError ? serverErrors(save.problem.message, save.problem.details) : {};
  const errors = { ...told, ...own };
  const { body } = toSettings(draft, settings);
  const set = (change: Partial<SettingsDraft>) => {
    props.onTouched();
    setOwn({});
    setDraft({ ...draft, ...change });
  };
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    const { errors: wrong } = toSettings(draft, settings);
    setOwn(wrong);
    if (Object.keys(wrong).length === 0 && (await save.run(() => client.setGroupSettings(group, body)))) {
      props.onSaved();
    } else {
      showInvalid(form);
    }
  };
  const { share_links: links } = settings;
  return (
    <form
      ref={form}
      className="clg-form"
      data-testid="collegium-settings"
      noValidate
      onSubmit={event => void submit(event)}
    >
      <Field
        id="clg-settings-links"
        title="Links to shared files may be opened by"
        description={
          allowedLinks(links).length < 4
            ? 'The platform allows no more than the last of these.'
            : 'Each link may ask for a password as well, and ends by itself.'
        }
        error={errorAt(errors, 'share_links')}
      >
        {aria => (
          <select
            {...aria}
            className="clg-select"
            disabled={!may}
            data-testid="collegium-settings-share_links"
            value={draft.share_links}
            onChange={e => set({ share_links: e.target.value as ShareLinks | '' })}
          >
            <option value="">
              the platform’s default{links.own === null ? ` (${SHARE_LINKS[links.holds]})` : ''}
            </option>
            {allowedLinks(links).map(each => (
              <option key={each} value={each}>
                {SHARE_LINKS[each]}
              </option>
            ))}
          </select>
        )}
      </Field>
      {FIELDS.map(({ name, title }) => (
        <Field
          key={name}
          id={`clg-settings-${name}`}
          title={title}
          description={limitHint(name, settings[name])}
          error={errorAt(errors, name)}
        >
          {aria => (
            <input
              {...aria}
              className="clg-input clg-input-number"
              type="number"
              min={0}
              step={1}
              disabled={!may}
              placeholder={String(settings[name].holds)}
              data-testid={`collegium-settings-${name}`}
              value={draft.texts[name]}
              onChange={e => set({ texts: { ...draft.texts, [name]: e.target.value } })}
            />
          )}
        </Field>
      ))}
      {Object.keys(errors).length === 0 && <Problem of={save.problem} />}
      {may ? (
        <div className="clg-actions">
          <button
            type="submit"
            className="clg-button clg-primary"
            data-testid="collegium-settings-save"
            disabled={save.busy || Object.keys(body).length === 0}
          >
            Save
          </button>
          <span role="status" className="clg-hint">
            {props.said}
          </span>
        </div>
      ) : (
        <p className="clg-hint">Admins of the group set these.</p>
      )}
    </form>
  );
}
