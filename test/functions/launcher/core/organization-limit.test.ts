import { expect, it } from 'vitest';
import { limitRoomOf } from '../../../../functions/launcher/core/organization-limit.ts';
import { READ_LAG_MS, SETTLED_AFTER_MS } from '../../../../functions/launcher/core/vendor-timing.ts';
import { live, minutes, supply } from './builders.ts';

it('the organization agent limit allows agents that are neither registered nor starting, in all pools together', () => {
  const one = supply({ registered: 3, live: [live('a', 'starting'), live('b', 'busy'), live('c', 'idle')] });
  const other = supply({ registered: 1, live: [live('d', 'starting'), live('e', 'starting'), live('f', 'leaving')] });
  expect(limitRoomOf(10, [])).toBe(10);
  expect(limitRoomOf(10, [one])).toBe(6);
  expect(limitRoomOf(10, [one, other])).toBe(3);
  expect(limitRoomOf(5, [one, other])).toBe(-2);
});

it('tasks launched by a tick are visible five minutes after its invocation ended, at most six minutes after it began', () => {
  expect(READ_LAG_MS).toBe(minutes(5));
  expect(SETTLED_AFTER_MS).toBe(minutes(6));
});
