/** Text in forms. */

/** Domains as people write them: with or without `@`, separated by commas or spaces. */
export function splitDomains(text: string): string[] {
  const parts = text.split(/[\s,;]+/).map(part => part.replace(/^@/, '').toLowerCase());
  return [...new Set(parts.filter(Boolean))];
}

/** The words of an identifier: `UPDATE_PASSWORD` is `update password`. */
export function plainWords(name: string): string {
  return name.replace(/[_-]+/g, ' ').toLowerCase();
}

/** Saves what was fetched as a file of the browser's. */
export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has begun when the click returns; a moment more is for slow browsers.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
