/** Volumes in words. */

import type { VolumeKind, VolumeOut } from '../api';
import { bytes, parseQuantity } from '../format';

export const VOLUME_KINDS: Record<VolumeKind, string> = {
  files: 'Shared files',
  home: 'Home',
  dataset: 'Dataset'
};

/** From 0 to 1; null where nobody knows. */
export function fullness({ capacity, used }: Pick<VolumeOut, 'capacity' | 'used'>): number | null {
  return capacity && used !== null ? Math.min(1, used / capacity) : null;
}

export function fillText({ capacity, used }: Pick<VolumeOut, 'capacity' | 'used'>): string {
  if (capacity === null) {
    return used === null ? 'not known' : `${bytes(used)} used`;
  }
  return used === null ? bytes(capacity) : `${bytes(used)} of ${bytes(capacity)}`;
}

/** Why this cannot be its new size, or empty; the service has the last word. */
export function badSize(text: string, capacity: number | null): string {
  const size = parseQuantity(text);
  if (size === null) {
    return 'must be a size such as 20Gi';
  }
  return capacity !== null && size <= capacity
    ? `must be more than the ${bytes(capacity)} that it has: no volume becomes smaller`
    : '';
}
