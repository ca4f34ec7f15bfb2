import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ATTEMPTS } from '../egress-lab/attempts.ts';
import { sections } from './network-docs.ts';
import { readSection } from './reachability/sections.ts';

it.each(sections().map(({ file, name, text }) => [file, name, text] as const))(
  '%s has a fresh section %s (node test/lib/network-docs.ts --write)',
  (file, name, text) => {
    expect(readSection(file, name)).toBe(text);
  },
);

it("docs/network.md has the lab's results, all green, for every attempt (node test/egress-lab/main.ts --write)", () => {
  const lab = readSection('docs/network.md', 'lab');
  expect(lab).not.toContain('✗');
  for (const { name, expected } of ATTEMPTS)
    expect(lab).toMatch(new RegExp(`✓ \\| ${escaped(name)}.*\\| ${expected} \\| ${expected} \\|`));
});

it.each([
  ['docs/egress-review.md', /(\d+) attempts as expected/],
  ['test/egress-lab/README.md', /(\d+) ways of a job/],
])('%s tells how many attempts there are', (file, pattern) => {
  expect(pattern.exec(readFileSync(file, 'utf8'))?.[1]).toBe(`${ATTEMPTS.length}`);
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
