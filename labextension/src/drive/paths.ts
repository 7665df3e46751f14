/** Paths of the drive: `collegium:<group>/<path>`; its top holds the groups. */

export const DRIVE = 'collegium';

export function drivePath(group: string, path: string): string {
  return `${DRIVE}:${path ? `${group}/${path}` : group}`;
}

export interface DrivePlace {
  /** Empty: the top, where the groups are. */
  group: string;
  path: string;
}

/** What a path inside the drive, without its name, means. */
export function placeOf(local: string): DrivePlace {
  const [group = '', ...rest] = local.split('/').filter(Boolean);
  return { group, path: rest.join('/') };
}

export function localOf({ group, path }: DrivePlace): string {
  return path ? `${group}/${path}` : group;
}
