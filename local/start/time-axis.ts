/** The time axis of the timeline. Positions are percentages of its length. */
const TICKS_MS = [1_000, 2_000, 5_000, 10_000];
const MOST_TICKS = 14;
/** Beyond this, a label such as `120 s` doesn't fit between its tick and the end of the narrowest chart. */
const LAST_LABEL_PERCENT = 90;

export class TimeAxis {
  readonly from: number;
  readonly to: number;
  readonly spanMs: number;
  readonly #tickMs: number;

  constructor(from: number, to: number) {
    this.from = from;
    this.to = to;
    this.spanMs = Math.max(1, to - from);
    this.#tickMs = TICKS_MS.find((tick) => this.spanMs / tick <= MOST_TICKS) ?? 60_000;
  }

  get tickPercent(): number {
    return this.percent(this.from + this.#tickMs);
  }

  percent(at: number): number {
    return Math.round(((at - this.from) / this.spanMs) * 100_000) / 1000;
  }

  ticks(): { readonly label: string; readonly percent: number; readonly isLast: boolean }[] {
    const count = Math.floor(this.spanMs / this.#tickMs) + 1;
    return Array.from({ length: count }, (_, index) => {
      const percent = this.percent(this.from + index * this.#tickMs);
      const label = `${Math.round((index * this.#tickMs) / 1000)} s`;
      return { label, percent, isLast: percent > LAST_LABEL_PERCENT };
    });
  }
}
