/** What docs/reliability.md says has a test: the test of that name is in the file that it names. */
import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const page = readFileSync('docs/reliability.md', 'utf8');
/** `file` ("name of a test") */
const evidence = [...page.matchAll(/`([\w./-]+\.test\.ts)` \("([^"]+)"\)/g)].map(([, file = '', name = '']) => ({
  file: file.slice(file.lastIndexOf('/') + 1),
  // A long name may be cut short.
  name: name.replace(/ …$/, ''),
}));

it('names tests', () => {
  expect(evidence.length).toBeGreaterThan(12);
});

it.each(evidence)('$file: $name', ({ file, name }) => {
  const files = globSync(`test/**/${file}`);
  expect(files.some((path) => readFileSync(path, 'utf8').includes(name))).toBe(true);
});
