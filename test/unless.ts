/** Tests that need something that a machine may lack. They are skipped with the reason in their title. */
import { describe, test } from 'vitest';

const titled = (title: string, missing: string | undefined): string =>
  missing === undefined ? title : `${title} (skipped: ${missing})`;

/** @param missing what the machine lacks; `undefined` if it lacks nothing */
export function describeUnless(missing: string | undefined, title: string, body: () => void): void {
  describe.skipIf(missing !== undefined)(titled(title, missing), body);
}

/** @param missing what the machine lacks; `undefined` if it lacks nothing */
export function testUnless(missing: string | undefined, title: string, body: () => void): void {
  test.skipIf(missing !== undefined)(titled(title, missing), body);
}
