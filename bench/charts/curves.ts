/** Panels with the number of launched jobs over time, next to the limit of AWS. */
import { HEAD, MARGIN, type Picture, picture, rounded, text, WIDTH } from './svg.ts';

export interface CurvePanel {
  readonly title: string;
  readonly jobs: number;
  /** Seconds from queueing to each launch, in ascending order. */
  readonly launchSeconds: readonly number[];
  readonly ideal: (seconds: number) => number;
  /** The right end of the axis. */
  readonly seconds: number;
}

const HEIGHT = 220;
const PANEL_HEAD = 30;
const AXIS = 44;
const LABELS = 52;
const GAP = 30;
/** More points make the file larger, and look the same. */
const POINTS = 120;

export function curvePanels(
  head: Pick<Picture, 'title' | 'subtitle' | 'description'>,
  panels: readonly CurvePanel[],
): string {
  const width = (WIDTH - 2 * MARGIN - GAP) / 2;
  const parts = panels.flatMap((panel, n) => panelParts(panel, MARGIN + n * (width + GAP), HEAD, width));
  return picture({ ...head, height: HEAD + PANEL_HEAD + HEIGHT + AXIS + 8, parts });
}

function panelParts(
  { title, jobs, launchSeconds, ideal, seconds }: CurvePanel,
  x: number,
  y: number,
  width: number,
): string[] {
  const left = x + LABELS;
  const right = x + width - 10;
  const top = y + PANEL_HEAD;
  const bottom = top + HEIGHT;
  const atX = (second: number) => rounded(left + Math.min(1, second / seconds) * (right - left));
  const atY = (launched: number) => rounded(bottom - (launched / jobs) * HEIGHT);
  const times = Array.from({ length: POINTS + 1 }, (_, n) => (n / POINTS) * seconds);
  const path = (launchedAt: (second: number) => number) =>
    times.map((second, n) => `${n === 0 ? 'M' : 'L'}${atX(second)} ${atY(launchedAt(second))}`).join('');
  const measured = (second: number) => launchSeconds.filter((launch) => launch <= second).length;
  const sharesY = [0, 0.25, 0.5, 0.75, 1];
  return [
    text(x, y + 16, 'h', title),
    ...sharesY.flatMap((share) => [
      `<line class="g" x1="${left}" y1="${atY(share * jobs)}" x2="${right}" y2="${atY(share * jobs)}"/>`,
      text(left - 6, atY(share * jobs) + 4, 'm', String(Math.round(share * jobs)), 'end'),
    ]),
    ...[0, 0.25, 0.5, 0.75, 1].map((share) =>
      text(atX(share * seconds), bottom + 16, 'm', String(Math.round(share * seconds)), 'middle'),
    ),
    text((left + right) / 2, bottom + 34, 'm', 'seconds since the jobs were queued', 'middle'),
    `<text class="m" transform="translate(${rounded(x + 10)} ${rounded((top + bottom) / 2)}) rotate(-90)" text-anchor="middle">launched tasks</text>`,
    `<path class="i" d="${path(ideal)}"/>`,
    `<path class="c" d="${path(measured)}"/>`,
  ];
}
