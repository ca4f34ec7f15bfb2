import { expect, it } from 'vitest';
import { isNewEnough } from '../../../../functions/launcher/adapters/hcp-terraform/version.ts';

it.each<[string | string[] | undefined, boolean]>([
  [undefined, true],
  ['', true],
  ['1.0.0', true],
  ['1.1.2', true],
  ['v202409-1', true],
  ['v202409-2', true],
  ['v202409-10', true],
  ['v202410-1', true],
  ['v202501-1', true],
  ['v202409-0', false],
  ['v202408-3', false],
  ['v202312-1', false],
  ['v202408-12', false],
  // Not a release as the vendor writes them: treated as a new platform.
  ['v202312-1-rc', true],
  ['xv202312-1', true],
  ['v2023121-1', true],
])('a platform that sends the version %j lists runs by organization: %s', (version, expected) => {
  expect(isNewEnough(version)).toBe(expected);
});
