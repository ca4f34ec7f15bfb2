/** Formats a Markdown table for the documents. */
export function markdownTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const titles = header.map((title) => (title === '' ? ' ' : ` ${title} `));
  const escaped = (cell: string | number) => `${cell}`.replaceAll('|', '\\|').replaceAll('\n', ' ');
  return [
    `|${titles.join('|')}|`,
    `|${'---|'.repeat(header.length)}`,
    ...rows.map((cells) => `| ${cells.map(escaped).join(' | ')} |`),
  ].join('\n');
}
