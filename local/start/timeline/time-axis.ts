/** The time axis of the timeline. Positions are percentages of the axis length. */
const TICKS_MS = [1_000, 2_000, 5_000, 10_000];
const MOST_TICKS = 14;

export interface Tick {
  readonly label: string;
  readonly percent: number;
}

export class TimeAxis {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly Tick[];

  constructor(from: number, to: number) {
    this.from = from;
    this.to = Math.max(to, from + 1);
    const spanMs = this.to - from;
    const tickMs = TICKS_MS.find((tick) => spanMs / tick <= MOST_TICKS) ?? 60_000;
    this.ticks = Array.from({ length: Math.floor(spanMs / tickMs) + 1 }, (_, index) => {
      const afterMs = index * tickMs;
      return { label: `${afterMs / 1000} s`, percent: this.percent(from + afterMs) };
    });
  }

  percent(at: number): number {
    return Math.round(((at - this.from) / (this.to - this.from)) * 100_000) / 1000;
  }
}
