import * as React from 'react';

import { useAction, useLoad } from '../accounts/load';
import { Confirmed, Listed, Problem, Table, Time } from '../accounts/parts';
import type { GroupRef, PlatformSecretOut } from '../api';
import type { Client } from '../client';
import { SECRET_KINDS } from '../secrets/kinds';
import { SecretUses, usedBy } from '../secrets/uses';
import { PlatformSecretForm } from './PlatformSecretForm';

/** Secrets that are kept for groups: which there are, for whom, and who uses them; never what they are. */
export function PlatformSecrets({ client, groups }: { client: Client; groups: GroupRef[] }): JSX.Element {
  const { value, problem, reload } = useLoad('platform-secrets', () => client.platformSecrets());
  const [form, setForm] = React.useState<PlatformSecretOut | 'new' | null>(null);
  const [said, say] = React.useState('');
  const remove = useAction();
  return (
    <>
      <p className="clg-hint">
        Passwords and keys of the platform’s own datasets and images, and those that groups may use without
        ever seeing them.
      </p>
      {form ? (
        <PlatformSecretForm
          key={form === 'new' ? '' : form.name}
          client={client}
          groups={groups}
          secret={form === 'new' ? undefined : form}
          onDone={name => {
            setForm(null);
            say(`${name} is kept.`);
            reload();
          }}
          onCancel={() => setForm(null)}
        />
      ) : (
        <div className="clg-bar">
          <button
            type="button"
            className="clg-button clg-primary"
            data-testid="collegium-new-platform-secret"
            onClick={() => {
              say('');
              setForm('new');
            }}
          >
            New secret
          </button>
        </div>
      )}
      {value?.problem && <p className="clg-notice">{value.problem}</p>}
      <Problem of={remove.problem} />
      <p role="status" className="clg-hint">
        {said}
      </p>
      <Listed items={value?.items ?? null} problem={problem} retry={reload} empty="No secret yet.">
        <Table
          label="Secrets of the platform"
          testid="collegium-platform-secrets"
          columns={['Name', 'Kind', 'Groups', 'Used by', 'Changed', '']}
        >
          {value?.items.map(row => (
            <tr key={row.name} data-secret={row.name}>
              <td>
                <span className="clg-path">{row.name}</span>
                {row.description && <div className="clg-hint">{row.description}</div>}
              </td>
              <td>{SECRET_KINDS[row.kind].title}</td>
              <td>{groupWords(row.groups)}</td>
              <td>
                <SecretUses count={row.used_by} uses={row.uses} />
              </td>
              <td>
                <Time at={row.updated_at} />
                <div className="clg-hint">by {row.updated_by}</div>
              </td>
              <td className="clg-cell-actions">
                <button
                  type="button"
                  className="clg-link"
                  aria-label={`Change ${row.name}`}
                  onClick={() => {
                    say('');
                    setForm(row);
                  }}
                >
                  Change
                </button>
                <Confirmed
                  label="Delete"
                  className="clg-link"
                  testid="collegium-platform-secret-delete"
                  of={row.name}
                  question={
                    row.used_by
                      ? `Delete ${row.name}? It is ${usedBy(row.used_by, row.uses)}, and goes only when nothing wants it any more.`
                      : `Delete ${row.name}? Its value is gone for good.`
                  }
                  danger
                  disabled={remove.busy}
                  onConfirm={() => void remove.run(() => client.deletePlatformSecret(row.name)).then(reload)}
                />
              </td>
            </tr>
          ))}
        </Table>
      </Listed>
    </>
  );
}

function groupWords(groups: PlatformSecretOut['groups']): React.ReactNode {
  return groups === '*' ? (
    'every group'
  ) : groups.length === 0 ? (
    <span className="clg-hint">the platform alone</span>
  ) : (
    groups.join(', ')
  );
}
