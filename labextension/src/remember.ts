/** Which group each hub user chose last, kept in the browser. */

const key = (user: string) => `collegium:group:${user}`;

export function remember(user: string, group: string): void {
  try {
    localStorage.setItem(key(user), group);
  } catch {
    // Private windows may refuse; the choice is then only for this page.
  }
}

export function remembered(user: string): string | undefined {
  try {
    return localStorage.getItem(key(user)) ?? undefined;
  } catch {
    return undefined;
  }
}
