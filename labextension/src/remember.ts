/** Which group each hub user chose last, kept in the browser. */

import type { ContextOut, GroupRef } from './api';

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

/** The one chosen before, the group of the server we run in, else the one used last, else the first. */
export function firstGroup(context: ContextOut, [chosen, server]: (string | undefined)[]): GroupRef | null {
  const names = [chosen, context.servers.find(s => s.name === server)?.group, remembered(context.user.name)];
  const found = names.map(name => context.groups.find(g => g.name === name)).find(group => group);
  return found ?? context.groups[0] ?? null;
}
