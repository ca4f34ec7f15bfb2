import { harmless } from './harmless.ts';

/** Lines of a CSV document, with CRLF as in https://www.rfc-editor.org/rfc/rfc4180. */
export function csv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

function field(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const plain = harmless(value);
  // Spreadsheets treat such text as a formula: https://owasp.org/www-community/attacks/CSV_Injection
  const text = /^[=+\-@\t]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
