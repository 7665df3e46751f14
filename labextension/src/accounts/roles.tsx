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

/** What to offer to somebody who has this role. */
export function offered(value: Role, roles?: readonly Role[]): typeof ROLES {
  return ROLES.filter(known => known.role === value || !roles || roles.includes(known.role));
}

/** What a new place begins with. */
export function firstRole(roles?: readonly Role[]): Role {
  return !roles || roles.includes('member') ? 'member' : roles[0];
}

/** Can the role be changed? One that is kept elsewhere cannot be taken away here either. */
export function changeable(value: Role, roles?: readonly Role[]): boolean {
  return !roles || roles.includes(value);
}

export function RoleSelect(props: {
  id?: string;
  label?: string;
  value: Role;
  /** Those that can be given; the others are not offered, and whoever has one keeps it. */
  roles?: readonly Role[];
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
      disabled={props.disabled || !changeable(props.value, props.roles)}
      value={props.value}
      onChange={event => props.onChange(event.target.value as Role)}
    >
      {offered(props.value, props.roles).map(known => (
        <option key={known.role} value={known.role}>
          {known.title}: {known.may}
        </option>
      ))}
    </select>
  );
}
