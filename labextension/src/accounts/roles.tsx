import * as React from 'react';

import type { Role } from '../api';

/** From the least to the most. */
export const ROLES: readonly { role: Role; title: string; may: string }[] = [
  { role: 'viewer', title: 'Viewer', may: 'looks, starts nothing' },
  { role: 'member', title: 'Member', may: 'starts servers and jobs' },
  { role: 'maintainer', title: 'Maintainer', may: 'keeps what the group shares' },
  { role: 'admin', title: 'Group admin', may: 'runs the group, invites people' }
];

export function roleTitle(role: string | null | undefined): string {
  return ROLES.find(known => known.role === role)?.title ?? role ?? '';
}

export function RoleSelect(props: {
  id?: string;
  label?: string;
  value: Role;
  testid?: string;
  disabled?: boolean;
  onChange: (role: Role) => void;
}): JSX.Element {
  return (
    <select
      id={props.id}
      aria-label={props.label}
      className="clg-select"
      data-testid={props.testid}
      disabled={props.disabled}
      value={props.value}
      onChange={event => props.onChange(event.target.value as Role)}
    >
      {ROLES.map(known => (
        <option key={known.role} value={known.role}>
          {known.title}: {known.may}
        </option>
      ))}
    </select>
  );
}
