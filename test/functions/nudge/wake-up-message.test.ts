import { expect, it } from 'vitest';
import { wokenBy } from '../../../functions/launcher/wake-ups.ts';
import type { Nudge } from '../../../functions/nudge/contract.ts';

it('the launcher reads the message that the nudge sends', () => {
  const nudge: Nudge = { kind: 'nudge', runId: 'run-CZcmD7eagjhyX0vN' };
  expect(wokenBy({ Records: [{ body: JSON.stringify(nudge) }] })).toEqual({ runIds: [nudge.runId] });
});
