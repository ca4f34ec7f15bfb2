import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ATTEMPTS } from '../../labs/egress/attempts.ts';
import { BREAKS } from '../../labs/egress/breaks.ts';
import { DNS_BREAKS } from '../../labs/egress/dns-breaks.ts';
import { QUESTIONS } from '../../labs/egress/names.ts';
import { marked, TERRAFORM_CASES } from '../../labs/egress/report.ts';
import { DIFFERENCES } from '../../labs/egress/suricata.ts';
import { markOf, underTest } from '../../labs/egress/under-test.ts';
import { readSection } from './network/reachability/sections.ts';
import { sections } from './network-docs.ts';

it.each(sections().map(({ file, name, text }) => [file, name, text] as const))(
  '%s has a fresh section %s (node test/lib/network-docs.ts --write)',
  (file, name, text) => {
    expect(readSection(file, name)).toBe(text);
  },
);

it("docs/network.md has the lab's results, all green, for every attempt (node labs/egress/main.ts --write)", () => {
  const lab = readSection('docs/network.md', 'lab');
  expect(lab).not.toContain('✗');
  for (const { name, expected } of ATTEMPTS)
    expect(lab).toMatch(new RegExp(`✓ \\| ${escaped(name)}.*\\| ${expected} \\| ${expected} \\|`));
});

describe("the lab's results in docs/network.md (node labs/egress/main.ts --write)", () => {
  const lab = readSection('docs/network.md', 'lab');
  const word = (resolves: boolean) => (resolves ? 'resolves' : 'does not exist');

  it('are about the rules, names and settings that the template has now', () => {
    expect(lab).toContain(marked(markOf(underTest())));
  });

  it('have a row for every name, run of terraform and break, each as expected', () => {
    for (const { name, what, expected } of QUESTIONS) {
      expect(lab).toContain(
        `| ✓ | \`${name}\` | ${what} | ${word(expected)} | ${word(expected)} | ${word(expected)} |`,
      );
    }
    for (const { name, expected } of Object.values(TERRAFORM_CASES)) {
      const seen = expected ? 'plans' : 'fails';
      expect(lab).toContain(`| ✓ | ${name} | ${seen} | ${seen} |`);
    }
    for (const { name, shows } of [...DNS_BREAKS, ...BREAKS]) {
      const row = lab.split('\n').find((line) => line.startsWith(`| ✓ | ${name} | `));
      for (const shown of shows) expect(row, name).toContain(shown);
    }
  });

  it('are followed by every difference from AWS', () => {
    for (const difference of DIFFERENCES) expect(lab).toContain(`- ${difference}`);
  });
});

it.each([
  ['docs/egress-review.md', /All (\d+) attempts/],
  ['labs/egress/README.md', /(\d+) attempts of a job/],
])('%s tells how many attempts there are', (file, pattern) => {
  expect(pattern.exec(readFileSync(file, 'utf8'))?.[1]).toBe(`${ATTEMPTS.length}`);
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
