/** Gives the section *Unreleased* of the CHANGELOG the heading of a release. `npm version` runs this after it has set the version. */
import { readFileSync, writeFileSync } from 'node:fs';

const UNRELEASED = '## Unreleased\n';

/** @param date the day of the release, as `2026-12-01` */
export function released(changelog: string, version: string, date: string): string {
  const heading = `## [${version}] - ${date}\n`;
  if (changelog.includes(`## [${version}]`)) throw new Error(`CHANGELOG.md already has the version ${version}.`);
  const [before, after, ...more] = changelog.split(UNRELEASED);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(
      'CHANGELOG.md must have exactly one heading "## Unreleased". Write the changes of the release under it.',
    );
  if (after.split(/^## /m)[0]?.trim() === '')
    throw new Error('CHANGELOG.md has nothing under "## Unreleased". Write the changes of the release there.');
  return `${before}${UNRELEASED}\n${heading}${after}`;
}

if (import.meta.main) {
  const version = process.env['npm_package_version'];
  if (version === undefined) throw new Error('The environment has no npm_package_version. Run: npm version MINOR');
  const today = new Date().toISOString().slice(0, 10);
  writeFileSync('CHANGELOG.md', released(readFileSync('CHANGELOG.md', 'utf8'), version, today));
}
