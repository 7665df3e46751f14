/** Names of datasets, and what they are made from. */

const NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;

/** Why the service would refuse this name, or empty; it has the last word. */
export function badDatasetName(name: string): string {
  if (!name) {
    return 'is needed';
  }
  return NAME.test(name)
    ? ''
    : 'must be 1 to 63 of a-z, 0-9, “.”, “_” or “-”, beginning and ending with a letter or digit';
}

/** A name out of free text: `My Digits (2)` gives `my-digits-2`. */
export function nameFrom(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63)
    .replace(/[^a-z0-9]+$/, '');
}
