/**
 * Stryker has its own package folder, because it needs more packages than all the rest of the project together.
 * Only those who run it install it. It finds the project's own vitest, because Node looks upward from this folder.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Result } from './score.ts';

/** What we use of Stryker's class. Its types are installed with it, so the type check can't rely on them. */
type Stryker = new (options: object) => { runMutationTest(): Promise<Result[]> };

const folder = fileURLToPath(new URL('.', import.meta.url));
const lock = `${folder}package-lock.json`;
/** npm writes this file at the end of each install. */
const installed = `${folder}node_modules/.package-lock.json`;

/** Installs what the lock file says, unless that is there already. */
export async function installStryker(): Promise<Stryker> {
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
    console.log('Installing Stryker into labs/mutation/node_modules.');
    const { status, error } = spawnSync('npm', ['ci', '--ignore-scripts', '--prefix', folder], {
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
    if (status !== 0) {
      throw new Error(
        `Stryker could not be installed: npm ${error === undefined ? `ended with ${status}` : `could not be started: ${error.message}`}. ` +
          'The first run needs access to the npm registry.',
      );
    }
  }
  const name: string = '@stryker-mutator/core';
  const { Stryker } = (await import(name)) as { Stryker: Stryker };
  return Stryker;
}
