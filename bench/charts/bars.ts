/** Panels with one horizontal bar per launcher, on a logarithmic axis. */
import { escaped, HEAD, MARGIN, type Picture, picture, rounded, text, WIDTH } from './svg.ts';

export interface Bar {
  readonly label: string;
  /** Absent: there is nothing to show, for example because no job was served. */
  readonly value: number | undefined;
  readonly shown: string;
  /** Shown in red, next to the value. */
  readonly warning?: string | undefined;
  readonly ours: boolean;
}

export interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface Axis {
  readonly label: string;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

const ROW = 21;
const PANEL_HEAD = 30;
const AXIS = 40;
const LABELS = 148;
const GAP = 30;
/** Space for a value to the right of the longest bar. */
const VALUES = 122;

export function barPanels(
  head: Pick<Picture, 'title' | 'subtitle' | 'description'>,
  panels: readonly Panel[],
  axis: Axis,
): string {
  const width = (WIDTH - 2 * MARGIN - GAP) / 2;
  const rows = Math.max(...panels.map(({ bars }) => bars.length));
  const height = PANEL_HEAD + rows * ROW + AXIS;
  const parts = panels.flatMap((panel, n) =>
    panelParts(panel, axis, {
      x: MARGIN + (n % 2) * (width + GAP),
      y: HEAD + Math.floor(n / 2) * (height + 8),
      width,
    }),
  );
  return picture({ ...head, height: HEAD + Math.ceil(panels.length / 2) * (height + 8) + 4, parts });
}

function panelParts(
  { title, bars }: Panel,
  { label, ticks }: Axis,
  { x, y, width }: { readonly x: number; readonly y: number; readonly width: number },
): string[] {
  const left = x + LABELS;
  const right = x + width - VALUES;
  const least = Math.log(ticks[0]?.value ?? 1);
  const most = Math.log(ticks.at(-1)?.value ?? 10);
  const at = (value: number): number =>
    left + Math.max(0, Math.min(1, (Math.log(value) - least) / (most - least))) * (right - left);
  const top = y + PANEL_HEAD;
  const bottom = top + bars.length * ROW;
  const grid = ticks.flatMap((tick) => {
    const tickX = rounded(at(tick.value));
    return [
      `<line class="g" x1="${tickX}" y1="${rounded(top - 4)}" x2="${tickX}" y2="${rounded(bottom)}"/>`,
      text(tickX, bottom + 14, 'm', tick.label, 'middle'),
    ];
  });
  return [
    text(x, y + 16, 'h', title),
    ...grid,
    text((left + right) / 2, bottom + 29, 'm', label, 'middle'),
    ...bars.flatMap((bar, n) => {
      const middle = top + (n + 0.5) * ROW;
      const end = bar.value === undefined ? left : Math.max(left + 2, at(bar.value));
      const shape = `<rect class="${bar.ours ? 'a' : 'b'}" x="${rounded(left)}" y="${rounded(middle - 6.5)}" width="${rounded(end - left)}" height="13" rx="2"/>`;
      const { shown, warning, ours } = bar;
      const value = text(end + 5, middle + 4, ours ? 'l o' : 'l', shown);
      const red =
        warning === undefined ? '' : `<tspan class="w" dx="${shown === '' ? 0 : 6}">${escaped(warning)}</tspan>`;
      return [
        text(left - 7, middle + 4, bar.ours ? 'l o' : 'l', bar.label, 'end'),
        ...(bar.value === undefined ? [] : [shape]),
        value.replace('</text>', `${red}</text>`),
      ];
    }),
  ];
}
