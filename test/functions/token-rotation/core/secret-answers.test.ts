import { describe, expect, test } from 'vitest';
import { currentOf, oldestAgeMs } from '../../../../functions/token-rotation/core/rotation.ts';
import { factsIn, versionIn } from '../../../../functions/token-rotation/core/secret-answers.ts';

const [EARLY, LATE] = [new Date(1_000), new Date(2_000)];

describe('a version of a secret', () => {
  test('has its id, its time and its labels', () => {
    expect(versionIn({ VersionId: 'v-1', CreatedDate: EARLY, VersionStages: ['AWSCURRENT'] })).toEqual({
      id: 'v-1',
      createdAtMs: 1_000,
      labels: ['AWSCURRENT'],
    });
  });

  test('is new if it has no time', () => {
    const versions = [versionIn({ VersionStages: ['AWSCURRENT'] })];
    expect(currentOf(versions)?.createdAtMs).toBeGreaterThan(Date.parse('2100-01-01'));
    expect(oldestAgeMs({ nowMs: 2_000, versions, tokens: [] })).toBe(0);
  });
});

describe('the facts about a secret', () => {
  test.each([
    [
      'have its last change',
      { Name: 's', LastChangedDate: LATE, CreatedDate: EARLY },
      { name: 's', changedAtMs: 2_000 },
    ],
    ['have its creation if it was never changed', { Name: 's', CreatedDate: EARLY }, { name: 's', changedAtMs: 1_000 }],
    ['are unknown without a time', { Name: 's' }, undefined],
    ['are unknown without a name', { CreatedDate: EARLY }, undefined],
  ])('%s', (_, description, expected) => {
    expect(factsIn(description)).toEqual(expected);
  });
});
