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
  '%s has an up-to-date section %s (node test/lib/network-docs.ts --write)',
  (file, name, text) => {
    expect(readSection(file, name)).toBe(text);
  },
);

describe("the lab's results in docs/network.md (node labs/egress/main.ts --write)", () => {
  const lab = readSection('docs/network.md', 'lab');
  const word = (resolves: boolean) => (resolves ? 'resolves' : 'does not exist');

  it('are as expected for every attempt', () => {
    expect(lab).not.toContain('✗');
    for (const { name, expected } of ATTEMPTS) {
      const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      expect(lab).toMatch(new RegExp(`✓ \\| ${escaped}.*\\| ${expected} \\| ${expected} \\|`));
    }
  });

  it('come from the rules, names and settings of the current template', () => {
    expect(lab).toContain(marked(markOf(underTest())));
  });

  it('are as expected for every name, Terraform run and break', () => {
    for (const { name, what, expected } of QUESTIONS) {
      expect(lab).toContain(
        `| ✓ | \`${name}\` | ${what} | ${word(expected)} | ${word(expected)} | ${word(expected)} |`,
      );
    }
    for (const { name, expected } of Object.values(TERRAFORM_CASES)) {
      const result = expected ? 'plans' : 'fails';
      expect(lab).toContain(`| ✓ | ${name} | ${result} | ${result} |`);
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
])('%s has the number of attempts', (file, pattern) => {
  expect(pattern.exec(readFileSync(file, 'utf8'))?.[1]).toBe(`${ATTEMPTS.length}`);
});
