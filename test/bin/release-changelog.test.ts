import { describe, expect, it } from 'vitest';
import { released } from '../../bin/release-changelog.ts';

const CHANGES = '# Changelog\n\n## Unreleased\n\n- Added: a.\n';

describe('the heading of a release in the CHANGELOG', () => {
  it('comes above the changes so far, and below an empty section for the next ones', () => {
    expect(released(CHANGES, '1.2.0', '2026-12-01')).toBe(
      '# Changelog\n\n## Unreleased\n\n## [1.2.0] - 2026-12-01\n\n- Added: a.\n',
    );
  });

  it('goes above earlier releases', () => {
    const second = released(CHANGES, '1.2.0', '2026-12-01').replace('Unreleased\n', 'Unreleased\n\n- Fixed: b.\n');
    expect(released(second, '1.3.0', '2026-12-24')).toMatch(
      /Unreleased\n\n## \[1\.3\.0\] - 2026-12-24\n\n- Fixed: b\.\n\n## \[1\.2\.0\]/,
    );
  });

  it.each([
    ['the CHANGELOG has no section for the next release', '# Changelog\n', 'exactly one heading'],
    [
      'the section is empty',
      '# Changelog\n\n## Unreleased\n\n## [1.1.0] - 2026-01-01\n\n- Added: a.\n',
      'nothing under',
    ],
    ['the version was released before', `${CHANGES}\n## [1.2.0] - 2026-01-01\n`, 'already has the version 1.2.0'],
  ])('is refused if %s', (_when, changelog, message) => {
    expect(() => released(changelog, '1.2.0', '2026-12-01')).toThrow(message);
  });
});
