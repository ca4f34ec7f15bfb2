/** The common parts of the pictures: colors for a light and a dark page, a title, and text that stays text. */

export const WIDTH = 860;
export const MARGIN = 20;
/** Height of the title and the subtitle. */
export const HEAD = 64;

const STYLE = `
  svg{color-scheme:light dark}
  .bg{fill:#fff} .t{font-size:17px;font-weight:600;fill:#1f2328} .s{font-size:12.5px;fill:#59636e}
  .h{font-size:13.5px;font-weight:600;fill:#1f2328} .l{font-size:12px;fill:#1f2328} .m{font-size:11px;fill:#59636e}
  .o{font-weight:600;fill:#0b5cad} .w{fill:#b42318;font-weight:600} .g{stroke:#d1d9e0;stroke-width:1}
  .b{fill:#9aa4af} .a{fill:#1f77d0} .i{fill:none;stroke:#59636e;stroke-width:1.5;stroke-dasharray:5 4}
  .c{fill:none;stroke:#1f77d0;stroke-width:2.5}
  @media (prefers-color-scheme:dark){
  .bg{fill:#0d1117} .t,.h,.l{fill:#e6edf3} .s,.m{fill:#9198a1} .o{fill:#79b8ff} .w{fill:#ff8078} .g{stroke:#30363d}
  .b{fill:#6e7681} .a{fill:#4a9eff} .i{stroke:#9198a1} .c{stroke:#4a9eff}
  }`;

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** @param anchor where the text is relative to `x` */
export function text(x: number, y: number, css: string, content: string, anchor: 'start' | 'middle' | 'end' = 'start') {
  const at = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  return `<text class="${css}" x="${rounded(x)}" y="${rounded(y)}"${at}>${escaped(content)}</text>`;
}

export const rounded = (value: number): number => Math.round(value * 10) / 10;

export interface Picture {
  readonly title: string;
  readonly subtitle: string;
  /** What the picture shows, for people who can't see it. */
  readonly description: string;
  readonly height: number;
  readonly parts: readonly string[];
}

export function picture({ title, subtitle, description, height, parts }: Picture): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${rounded(height)}" role="img" aria-labelledby="t d" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif">`,
    `<title id="t">${escaped(title)}</title>`,
    `<desc id="d">${escaped(description)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="bg" width="${WIDTH}" height="${rounded(height)}" rx="8"/>`,
    text(MARGIN, 30, 't', title),
    text(MARGIN, 50, 's', subtitle),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
