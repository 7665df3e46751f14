/** How large the next piece of an upload is: a piece should take about a second, so that progress is seen and little is
 * lost when the network goes, and yet be large enough that asking costs nothing. */

const SMALLEST = 1024 * 1024;
const FIRST = 4 * SMALLEST;
const WANTED = 1500;

export class Pace {
  size: number;

  constructor(private readonly largest: number) {
    this.size = Math.min(FIRST, largest);
  }

  /** A piece of this many bytes took so long. */
  took(bytes: number, milliseconds: number): void {
    if (bytes < this.size) {
      return; // the last one says little
    }
    const fitting = (bytes / Math.max(1, milliseconds)) * WANTED;
    // By steps: one slow answer does not make everything small.
    const next = Math.max(this.size / 2, Math.min(this.size * 2, fitting));
    this.size = Math.min(this.largest, Math.max(SMALLEST, 2 ** Math.floor(Math.log2(next))));
  }

  /** The network went while a piece was under way: a smaller one comes through sooner. */
  failed(): void {
    this.size = Math.max(SMALLEST, this.size / 2);
  }
}
