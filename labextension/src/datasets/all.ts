/** All datasets that a group has: they are few enough to be put in order here. */

import type { DatasetSummary } from '../api';
import type { Client } from '../client';

/** More than these nobody reads; the search finds the others. */
export const MOST = 1000;

export async function allDatasets(
  client: Pick<Client, 'datasets'>,
  group: string,
  query: { search?: string; tag?: string } = {}
): Promise<{ items: DatasetSummary[]; more: boolean }> {
  const items: DatasetSummary[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.datasets(group, { ...query, cursor, limit: 200 });
    items.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor && items.length < MOST);
  return { items, more: cursor !== undefined };
}
