/** How fast bytes go, from what was sent in the last seconds; and how long the rest takes. */

/** Seconds that are looked back on: long enough to be steady, short enough to follow a changed network. */
const WINDOW = 20;

export class Rate {
  private marks: { at: number; total: number }[] = [];

  /** `total` bytes have gone by now, in milliseconds. */
  add(total: number, now: number): void {
    const last = this.marks[this.marks.length - 1];
    if (last && total < last.total) {
      this.marks = []; // begun anew, or gone on elsewhere
    }
    this.marks.push({ at: now, total });
    const old = now - WINDOW * 1000;
    while (this.marks.length > 2 && this.marks[1].at <= old) {
      this.marks.shift();
    }
  }

  /** After a pause what came before it says nothing. */
  reset(): void {
    this.marks = [];
  }

  /** Bytes in a second; null while nobody can know. */
  get perSecond(): number | null {
    const [first, last] = [this.marks[0], this.marks[this.marks.length - 1]];
    const seconds = first ? (last.at - first.at) / 1000 : 0;
    return seconds > 0.2 && last.total > first.total ? (last.total - first.total) / seconds : null;
  }
}

/** Milliseconds until the rest is through; null while nobody can know. */
export function timeLeft(rest: number, perSecond: number | null): number | null {
  return perSecond ? (rest / perSecond) * 1000 : null;
}
