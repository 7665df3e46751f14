/** The downloads of a page: one file as it is; several, and folders, as a zip. */

import type { FileCalls } from '../fileCalls';
import { receive, targetOf, type Download } from './download';
import { nameOf, outermost } from './paths';
import type { Entry } from './wire';

export class Downloads {
  rows: Download[] = [];
  private counter = 0;

  constructor(
    private readonly client: Pick<FileCalls, 'fileContent' | 'fileArchive'>,
    private readonly group: string,
    /** `soon`: for what changes many times in a second. */
    private readonly changed: (soon: boolean) => void
  ) {}

  /** `folder` is where they are; resolves when the last byte is there. */
  async run(entries: readonly Entry[], folder: string): Promise<void> {
    const single = entries.length === 1 && entries[0].kind === 'file' ? entries[0] : null;
    const name =
      single?.name ?? `${entries.length === 1 ? entries[0].name : nameOf(folder) || this.group}.zip`;
    // Nobody knows how much is in a folder.
    const size = entries.some(e => e.kind === 'folder') ? null : entries.reduce((sum, e) => sum + e.size, 0);
    const target = await targetOf(name, size);
    const scope = new AbortController();
    const row: Download = { key: ++this.counter, name, received: 0, total: single?.size ?? null, scope };
    this.rows = [...this.rows, row];
    this.changed(false);
    try {
      const response = single
        ? await this.client.fileContent(this.group, single.path, { signal: scope.signal })
        : await this.client.fileArchive(this.group, outermost(entries.map(e => e.path)), scope.signal);
      await receive(response, name, target, received => {
        row.received = received;
        this.changed(true);
      });
    } finally {
      this.rows = this.rows.filter(d => d !== row);
    }
  }
}
