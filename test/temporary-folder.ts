import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new, empty folder. It is removed at the end of the run, because `setup` sets the folder that `tmpdir()` reports. */
export const newFolder = (name: string): string => mkdtempSync(join(tmpdir(), `${name}-`));

/** Sets one temporary folder for all tests of a run. It is removed at the end, even if a test was killed. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'agent-launcher-tests-'));
  process.env['TMPDIR'] = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
