import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CAUSE_IDS } from '../../cli/core/why/explain.ts';

it('docs/why.md lists every cause of the command, in the order in which the command tries them', () => {
  const [, causes = ''] = readFileSync('docs/why.md', 'utf8').split('## The causes');
  expect([...causes.matchAll(/^\| `([^`]+)` \|/gm)].map(([, id]) => id)).toEqual(CAUSE_IDS);
});
