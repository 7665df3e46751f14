/** Who may use a dataset: rows with access, one more, and who still holds what was taken away. */

import * as React from 'react';

import { useAction } from '../accounts/load';
import { Badge, Confirmed, Listed, Problem, Table } from '../accounts/parts';
import type { Actions } from '../actions';
import type { AccessMode, RevokedOut, UseOut } from '../api';
import { UseList } from './parts';
import { ACCESS } from './words';

export interface GrantRow {
  group: string;
  access: AccessMode;
  managed_by?: string;
}

const EVERY = '*';

export function Grants(props: {
  grants: GrantRow[];
  /** Names that are offered; others can be typed. */
  groups: readonly string[];
  everyone?: boolean;
  readOnly?: string;
  onlyRead: boolean;
  actions?: Actions;
  put: (group: string, access: AccessMode) => Promise<unknown>;
  revoke: (group: string) => Promise<RevokedOut>;
  onChanged: () => void;
}): JSX.Element {
  const { grants, readOnly } = props;
  const change = useAction();
  const [held, setHeld] = React.useState<{ group: string; holders: UseOut[] } | null>(null);
  const run = async (work: () => Promise<unknown>): Promise<boolean> => {
    setHeld(null);
    const done = await change.run(work);
    props.onChanged();
    return done;
  };
  const revoke = (group: string) =>
    void run(async () => setHeld({ group, holders: (await props.revoke(group)).holders }));
  return (
    <div data-testid="collegium-grants">
      <Problem of={change.problem} />
      {held && <Held {...held} actions={props.actions} />}
      <Listed items={grants} problem={null} retry={props.onChanged} empty="No group has it.">
        <Table label="Groups that have it" columns={['Group', 'Access', '']}>
          {grants.map(grant => {
            const fixed = readOnly || grant.managed_by === 'file';
            return (
              <tr key={grant.group} data-group={grant.group} data-access={grant.access}>
                <td>{grant.group === EVERY ? 'every group' : grant.group}</td>
                <td>
                  {fixed || props.onlyRead ? (
                    ACCESS[props.onlyRead ? 'ro' : grant.access]
                  ) : (
                    <AccessSelect
                      label={`Access of ${grant.group}`}
                      value={grant.access}
                      disabled={change.busy}
                      onChange={access => void run(() => props.put(grant.group, access))}
                    />
                  )}
                </td>
                <td className="clg-cell-actions">
                  {grant.managed_by === 'file' && <Badge word="catalog file" />}
                  {!fixed && (
                    <Confirmed
                      label="Revoke"
                      className="clg-link"
                      testid="collegium-grant-revoke"
                      of={grant.group === EVERY ? 'every group' : grant.group}
                      question={`Take it away from ${grant.group === EVERY ? 'every group' : grant.group}? What runs keeps it until it ends; what starts later is without it.`}
                      danger
                      disabled={change.busy}
                      onConfirm={() => revoke(grant.group)}
                    />
                  )}
                </td>
              </tr>
            );
          })}
        </Table>
      </Listed>
      {!readOnly && (
        <Add {...props} busy={change.busy} onAdd={(group, access) => run(() => props.put(group, access))} />
      )}
    </div>
  );
}

function Held(props: { group: string; holders: UseOut[]; actions?: Actions }): JSX.Element {
  const { group, holders } = props;
  return (
    <div className="clg-notice" role="status" data-testid="collegium-grant-held">
      {holders.length === 0 ? (
        <p>{group === EVERY ? 'Every group is' : `${group} is`} without it now; nothing there had it.</p>
      ) : (
        <>
          <p>Taken away. These have it until they end:</p>
          <UseList uses={holders} actions={props.actions} label="Still have it" />
        </>
      )}
    </div>
  );
}

function Add(props: {
  grants: GrantRow[];
  groups: readonly string[];
  everyone?: boolean;
  onlyRead: boolean;
  busy: boolean;
  onAdd: (group: string, access: AccessMode) => Promise<boolean>;
}): JSX.Element {
  const [group, setGroup] = React.useState('');
  const [access, setAccess] = React.useState<AccessMode>('ro');
  const has = (name: string) => props.grants.some(g => g.group === name);
  const list = React.useId();
  const add = async (event: React.FormEvent) => {
    event.preventDefault();
    if (await props.onAdd(group.trim(), access)) {
      setGroup('');
    }
  };
  return (
    <form className="clg-grant-add" onSubmit={event => void add(event)}>
      <input
        className="clg-input"
        aria-label="Group that is to have it"
        placeholder={props.everyone ? 'Name of a group, or * for all' : 'Name of a group'}
        autoComplete="off"
        list={list}
        required
        data-testid="collegium-grant-group"
        value={group}
        onChange={e => setGroup(e.target.value)}
      />
      <datalist id={list}>
        {[...props.groups, ...(props.everyone ? [EVERY] : [])]
          .filter(name => !has(name))
          .map(name => (
            <option key={name} value={name} />
          ))}
      </datalist>
      {!props.onlyRead && (
        <AccessSelect
          label="Access of this group"
          testid="collegium-grant-access"
          value={access}
          onChange={setAccess}
        />
      )}
      <button
        type="submit"
        className="clg-button"
        data-testid="collegium-grant-add"
        disabled={props.busy || !group.trim()}
      >
        Grant
      </button>
    </form>
  );
}

export function AccessSelect(props: {
  label: string;
  value: AccessMode;
  disabled?: boolean;
  testid?: string;
  onChange: (access: AccessMode) => void;
}): JSX.Element {
  return (
    <select
      className="clg-select"
      aria-label={props.label}
      data-testid={props.testid}
      disabled={props.disabled}
      value={props.value}
      onChange={e => props.onChange(e.target.value as AccessMode)}
    >
      <option value="ro">{ACCESS.ro}</option>
      <option value="rw">{ACCESS.rw}</option>
    </select>
  );
}
