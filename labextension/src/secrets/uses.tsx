import * as React from 'react';

import type { SecretUseOut } from '../api';

/** `used by 3: job train, dataset digits and 1 more`. */
export function usedBy(count: number, uses: readonly SecretUseOut[]): string {
  if (count === 0) {
    return 'not used now';
  }
  const named = uses.slice(0, 3).map(use => `${use.kind} ${use.name || use.id}`);
  const rest = count - named.length;
  const more = rest > 0 ? ` and ${rest} more` : '';
  return named.length === 0 ? `used by ${count}` : `used by ${named.join(', ')}${more}`;
}

/** What still wants a secret. */
export function SecretUses({ count, uses }: { count: number; uses: readonly SecretUseOut[] }): JSX.Element {
  return count === 0 ? <span className="clg-hint">nothing now</span> : <>{usedBy(count, uses)}</>;
}
