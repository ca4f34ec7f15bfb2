/** Every place that offers an egress mode says whether it is a preview, and one page says what that means. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { modeOptions } from '../../cli/setup/questions.ts';
import { EGRESS_MODES, PREVIEW_MODES } from '../../lib/network/egress.ts';

const text = (file: string): string => readFileSync(file, 'utf8');
const others = EGRESS_MODES.filter((mode) => !PREVIEW_MODES.includes(mode));
const row = (mode: string): string =>
  text('README.md')
    .split('\n')
    .find((line) => line.startsWith(`| \`${mode}\``)) ?? '';
const option = (mode: string) => modeOptions(new Map()).find(({ value }) => value === mode);

describe.each(PREVIEW_MODES)('the egress mode %s, which is a preview,', (mode) => {
  it('is marked in the README, the comparison of the modes, the settings and setup', () => {
    expect(row(mode)).toContain(`([preview](docs/network.md#${mode}))`);
    expect(text('docs/network.md')).toContain(`\`${mode}\` ([preview](#${mode}))`);
    expect(text('docs/settings.md')).toContain(`\`${mode}\` (preview): `);
    expect(option(mode)?.label).toContain(`${mode} (preview, `);
    expect(option(mode)?.hint).toMatch(/^not tried in a live account; /);
  });

  it('has a section that says what a preview is', () => {
    const section =
      text('docs/network.md')
        .split(/^## /m)
        .find((one) => one.startsWith(`\`${mode}\``)) ?? '';
    expect(section).toContain('A *preview* is complete and has all tests of this project, but nobody has tried it');
    expect(text('docs/limitations.md')).toContain(`[preview](network.md#${mode})`);
  });
});

it.each(others)('the egress mode %s, which is no preview, is not marked', (mode) => {
  expect(row(mode)).not.toContain('preview');
  expect(option(mode)?.label).not.toContain('preview');
});
