/** Something that is done soon after it was asked for: once for many who ask, and never twice at the same time. */
export class Soon {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running = false;
  private again = false;
  private gone = false;

  constructor(
    private readonly act: () => unknown,
    private readonly ms: number
  ) {}

  ask(): void {
    if (this.running) {
      // What is asked for now may be newer than what is being looked at.
      this.again = true;
    } else if (!this.gone) {
      this.timer ??= setTimeout(() => void this.run(), this.ms);
    }
  }

  dispose(): void {
    this.gone = true;
    clearTimeout(this.timer);
  }

  private async run(): Promise<void> {
    this.timer = undefined;
    this.running = true;
    try {
      await this.act();
    } finally {
      this.running = false;
      if (this.again) {
        this.again = false;
        this.ask();
      }
    }
  }
}
