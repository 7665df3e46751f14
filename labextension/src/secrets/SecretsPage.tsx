import * as React from 'react';

import type { SecretOut } from '../api';
import { useAction, useLoad } from '../accounts/load';
import { Confirmed, Listed, Problem, Table, Time } from '../accounts/parts';
import type { Client } from '../client';
import { SECRET_KINDS } from './kinds';
import { SecretForm } from './SecretForm';
import { SecretUses, usedBy } from './uses';

/** A group's secrets: which there are and who uses them, never what they are. */
export function SecretsPage(props: { client: Client; group: string; may: boolean }): JSX.Element {
  const { client, group, may } = props;
  const { value, problem, reload } = useLoad(`secrets/${group}`, () => client.secrets(group));
  const [form, setForm] = React.useState<SecretOut | 'new' | null>(null);
  const [said, say] = React.useState('');
  const remove = useAction();
  const done = (name: string) => {
    setForm(null);
    say(`${name} is kept.`);
    reload();
  };
  return (
    <>
      <p className="clg-hint">
        Passwords and keys that jobs and datasets need. A job names the secret and the environment variable
        that gets it; in logs the value is masked.
      </p>
      {form ? (
        <SecretForm
          key={form === 'new' ? '' : form.name}
          client={client}
          group={group}
          secret={form === 'new' ? undefined : form}
          onDone={done}
          onCancel={() => setForm(null)}
        />
      ) : (
        may && (
          <div className="clg-bar">
            <button
              type="button"
              className="clg-button clg-primary"
              data-testid="collegium-new-secret"
              onClick={() => {
                say('');
                setForm('new');
              }}
            >
              New secret
            </button>
          </div>
        )
      )}
      {value?.problem && (
        <p className="clg-notice" data-testid="collegium-secrets-problem">
          {value.problem}
        </p>
      )}
      <Problem of={remove.problem} />
      <p role="status" className="clg-hint">
        {said}
      </p>
      <Listed
        items={value?.items ?? null}
        problem={problem}
        retry={reload}
        empty={
          may
            ? 'No secret yet. What stands in a job’s environment can be read by the whole group; a secret cannot.'
            : 'No secret yet. Admins of the group set them.'
        }
      >
        <Table
          label="Secrets"
          testid="collegium-secrets"
          columns={['Name', 'Kind', 'Description', 'Used by', 'Changed', ...(may ? [''] : [])]}
        >
          {value?.items.map(row => (
            <tr key={row.name} data-secret={row.name}>
              <td className="clg-path">{row.name}</td>
              <td>
                {SECRET_KINDS[row.kind ?? 'opaque'].title}
                {row.platform && <div className="clg-hint">of the platform</div>}
              </td>
              <td>{row.description || <span className="clg-hint">–</span>}</td>
              <td>
                <SecretUses count={row.used_by ?? 0} uses={row.uses ?? []} />
              </td>
              <td>
                <Time at={row.updated_at} />
                <div className="clg-hint">by {row.updated_by}</div>
              </td>
              {may && (
                <td className="clg-cell-actions">
                  {!row.platform && (
                    <>
                      <button
                        type="button"
                        className="clg-link"
                        aria-label={`Replace the value of ${row.name}`}
                        onClick={() => {
                          say('');
                          setForm(row);
                        }}
                      >
                        Replace
                      </button>
                      <Confirmed
                        label="Delete"
                        className="clg-link"
                        testid="collegium-secret-delete"
                        question={
                          row.used_by
                            ? `Delete ${row.name}? It is ${usedBy(row.used_by ?? 0, row.uses ?? [])}, and goes only when nothing wants it any more.`
                            : `Delete ${row.name}? Its value is gone for good.`
                        }
                        danger
                        disabled={remove.busy}
                        onConfirm={() =>
                          void remove.run(() => client.deleteSecret(group, row.name)).then(reload)
                        }
                      />
                    </>
                  )}
                </td>
              )}
            </tr>
          ))}
        </Table>
      </Listed>
    </>
  );
}
