/** Generated sections of a document, between `<!-- name: … -->` and `<!-- /name -->`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..', '..');

const borders = (name: string) => new RegExp(`(<!-- ${name}: [^>]*-->\n)([\\s\\S]*?)(<!-- /${name} -->)`);

/** Returns the text of a section. @throws if the document has no such section */
export function readSection(file: string, name: string): string {
  const found = borders(name).exec(readFileSync(join(root, file), 'utf8'));
  if (found === null) throw new Error(`${file} has no section ${name}: add <!-- ${name}: … --> and <!-- /${name} -->.`);
  return (found[2] ?? '').replace(/\n$/, '');
}

/** Replaces the text of a section. */
export function writeSection(file: string, name: string, text: string): void {
  readSection(file, name);
  const path = join(root, file);
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace(borders(name), (_, begin, __, end) => `${begin}${text}\n${end}`),
  );
}
