/** Changes files of the gateway on purpose. Its argument is a JSON file with the changes. */
import { readFileSync, writeFileSync } from 'node:fs';
import * as z from 'zod';

const source = z.union([z.object({ text: z.string() }), z.object({ pattern: z.string() })]);
const changes = z
  .array(z.object({ file: z.string(), from: source, to: z.string() }))
  .parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));

for (const { file, from, to } of changes) {
  const before = readFileSync(file, 'utf8');
  const after =
    'text' in from ? before.replace(from.text, () => to) : before.replace(new RegExp(from.pattern, 'g'), () => to);
  if (after === before) throw new Error(`${file} has no ${JSON.stringify(from)}`);
  writeFileSync(file, after);
}
