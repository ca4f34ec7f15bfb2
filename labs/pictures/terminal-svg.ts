/** Draws a terminal's screen, or a recording of it, as an SVG without scripts. Its text stays text. */
import { html } from '../../local/start/timeline/html.ts';
import type { Cell, Frame } from './terminal.ts';

const FONT = 13;
/** Width of a character of the usual monospace fonts, in parts of the font size. */
const ADVANCE = 7.83;
const LINE = 17;
const PADDING = 14;
const TITLE = 28;
/** How long the last frame of a recording stays. */
const LAST_FRAME_MS = 6_000;

/** Colours of the palette that read well on the dark background. */
const PALETTE: readonly string[] = [
  '#8b949e',
  '#ff7b72',
  '#3fb950',
  '#d29922',
  '#58a6ff',
  '#bc8cff',
  '#39c5cf',
  '#c9d1d9',
  '#8b949e',
  '#ffa198',
  '#56d364',
  '#e3b341',
  '#79c0ff',
  '#d2a8ff',
  '#56d4dd',
  '#f0f6fc',
];

interface Options {
  /** The title bar's text: the command. */
  readonly title: string;
  /** What the picture shows, for people who can't see it. */
  readonly description: string;
  readonly columns: number;
}

/** A still picture. */
export function still(frame: Frame, options: Options): string {
  return svg(frame.rows.length, options, frame.rows.map(rowOf).join('\n'), '');
}

/** A recording that repeats. @param speed how many times faster than in reality */
export function moving(frames: readonly Frame[], speed: number, options: Options): string {
  const height = Math.max(...frames.map(({ rows }) => rows.length));
  const startMs = frames[0]?.atMs ?? 0;
  const times = frames.map(({ atMs }) => (atMs - startMs) / speed);
  const totalMs = (times.at(-1) ?? 0) + LAST_FRAME_MS;
  const css = frames.map((_, index) => {
    const from = percent((times[index] ?? 0) / totalMs);
    const to = percent((times[index + 1] ?? totalMs) / totalMs);
    const before = from === '0%' ? '' : '0%{visibility:hidden}';
    const after = to === '100%' ? '' : `${to}{visibility:hidden}`;
    return `@keyframes f${index}{${before}${from}{visibility:visible}${after}100%{visibility:hidden}}`;
  });
  const groups = frames.map(({ rows }, index) => {
    const style = `visibility:hidden;animation:f${index} ${rounded(totalMs)}ms step-end infinite`;
    return `<g style="${style}">\n${rows.map(rowOf).join('\n')}\n</g>`;
  });
  return svg(height, options, groups.join('\n'), css.join('\n'));
}

function percent(share: number): string {
  return `${Math.round(share * 10_000) / 100}%`;
}

function svg(rows: number, { title, description, columns }: Options, content: string, css: string): string {
  const width = Math.ceil(columns * ADVANCE + 2 * PADDING);
  const height = TITLE + rows * LINE + 2 * PADDING;
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (fill, index) => `<circle cx="${PADDING + 4 + index * 18}" cy="${TITLE / 2 + 2}" r="5.5" fill="${fill}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title>
<desc id="description">${escaped(description)}</desc>
<style>text{font:${FONT}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#c9d1d9;white-space:pre}.b{font-weight:600}.d{opacity:.65}
${css}</style>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
${dots.join('')}<text x="${width / 2}" y="${TITLE / 2 + 6}" text-anchor="middle" class="d">${escaped(title)}</text>
${content}
</svg>
`;
}

/** One line of text. Cells of the same style are one piece, whose width is fixed, so that other fonts don't move the columns. */
function rowOf(row: readonly Cell[], index: number): string {
  const y = TITLE + PADDING + index * LINE + FONT;
  const pieces: { readonly from: number; readonly cell: Cell; text: string }[] = [];
  row.forEach((cell, x) => {
    const last = pieces.at(-1);
    if (last !== undefined && isSame(last.cell, cell)) last.text += cell.text;
    else pieces.push({ from: x, cell, text: cell.text });
  });
  return pieces
    .filter(({ text }) => text.trim() !== '')
    .map(({ from, cell, text }) => {
      const shown = text.trimEnd();
      const skipped = shown.length - shown.trimStart().length;
      const x = rounded(PADDING + (from + skipped) * ADVANCE);
      const content = shown.trimStart();
      const fill = cell.colour === undefined ? '' : ` style="fill:${PALETTE[cell.colour] ?? '#c9d1d9'}"`;
      const css = [cell.bold ? 'b' : '', cell.dim ? 'd' : ''].filter((name) => name !== '').join(' ');
      const width = rounded(content.length * ADVANCE);
      return `<text x="${x}" y="${y}" textLength="${width}"${css === '' ? '' : ` class="${css}"`}${fill}>${escaped(content)}</text>`;
    })
    .join('');
}

function isSame(one: Cell, other: Cell): boolean {
  return one.colour === other.colour && one.bold === other.bold && one.dim === other.dim;
}

function escaped(text: string): string {
  return html`${text}`.text;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
