/** Paths below a group's shared files: without slashes at the ends, empty for the top. */

/** First part of paths that lead to datasets. */
export const DATASETS = '.datasets';

export function join(folder: string, name: string): string {
  return folder && name ? `${folder}/${name}` : folder || name;
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Is this path the folder itself, or somewhere below it? */
export function within(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}

export interface Crumb {
  name: string;
  path: string;
}

/** The folders from the top to this path; the top has the name that is given. */
export function crumbs(path: string, top: string): Crumb[] {
  const parts = path ? path.split('/') : [];
  return [
    { name: top, path: '' },
    ...parts.map((name, index) => ({
      name: index === 0 && name === DATASETS ? 'Datasets' : name,
      path: parts.slice(0, index + 1).join('/')
    }))
  ];
}

/** `report.tar.gz` and 2 make `report (2).tar.gz`; a name that starts with a dot has no ending. */
export function numbered(path: string, n: number): string {
  const name = nameOf(path);
  const dot = /^.+?(?=(\.tar)?\.[^.]*$)/.exec(name)?.[0].length ?? name.length;
  return join(parentOf(path), `${name.slice(0, dot)} (${n})${name.slice(dot)}`);
}

/** Paths of which none lies in another: what stands below a chosen folder goes with it. */
export function outermost(paths: readonly string[]): string[] {
  return paths.filter(path => !paths.some(other => other !== path && within(path, other)));
}

/** Why these cannot go into that folder, or empty. */
export function misplaced(paths: readonly string[], folder: string): string {
  const inside = paths.find(path => within(folder, path));
  if (inside !== undefined) {
    return `“${nameOf(inside)}” cannot go into itself.`;
  }
  return paths.every(path => parentOf(path) === folder) ? 'It is there already.' : '';
}

/** Why the service would refuse this name, or empty; it has the last word. */
export function badName(name: string): string {
  const clean = name.trim();
  if (!clean) {
    return 'A name is needed.';
  }
  if (clean === '.' || clean === '..' || clean.includes('/')) {
    return 'A name must not hold “/”, nor be “.” or “..”.';
  }
  return new TextEncoder().encode(clean).length > 255 ? 'A name has at most 255 bytes.' : '';
}

export function uri(group: string, path: string): string {
  return `collegium://${group}/${path}`;
}
