import * as React from 'react';

import type { GroupRef, Role, UserGroup } from '../api';
import { firstRole, RoleSelect } from './roles';

/** Groups of a person with a role in each. */
export function GroupRows(props: {
  groups: GroupRef[];
  value: UserGroup[];
  roles?: readonly Role[];
  disabled?: boolean;
  onChange: (value: UserGroup[]) => void;
}): JSX.Element {
  const { groups, value, roles, disabled, onChange } = props;
  const title = (name: string) => groups.find(g => g.name === name)?.display_name || name;
  const free = groups.filter(group => !value.some(row => row.group === group.name));
  const change = (group: string, role: Role) =>
    onChange(value.map(row => (row.group === group ? { group, role } : row)));
  return (
    <div className="clg-rows" data-testid="collegium-user-groups">
      {value.length === 0 && <p className="clg-hint">In no group.</p>}
      {value.map(row => (
        <div key={row.group} className="clg-group-line">
          <span>{title(row.group)}</span>
          <RoleSelect
            label={`Role in ${title(row.group)}`}
            value={row.role ?? 'member'}
            roles={roles}
            disabled={disabled}
            onChange={role => change(row.group, role)}
          />
          {!disabled && (
            <button
              type="button"
              className="clg-button clg-small"
              aria-label={`Take out of ${title(row.group)}`}
              onClick={() => onChange(value.filter(other => other.group !== row.group))}
            >
              Take out
            </button>
          )}
        </div>
      ))}
      {!disabled && free.length > 0 && (
        <select
          className="clg-select"
          aria-label="Add to a group"
          data-testid="collegium-add-group"
          value=""
          onChange={event => onChange([...value, { group: event.target.value, role: firstRole(roles) }])}
        >
          <option value="">Add to a group …</option>
          {free.map(group => (
            <option key={group.name} value={group.name}>
              {group.display_name || group.name}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}
