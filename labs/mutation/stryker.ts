/**
 * Stryker has its own package folder, because it needs more packages than the rest of the project. The first mutation run
 * installs it. It finds the project's vitest, because Node also searches the parent folders.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Result } from './score.ts';

/** The part of Stryker's class that this lab uses. Its own types may not be installed when the project is type-checked. */
type Stryker = new (options: object) => { runMutationTest(): Promise<Result[]> };

const folder = fileURLToPath(new URL('.', import.meta.url));
const lock = `${folder}package-lock.json`;
/** npm writes this file at the end of an installation. */
const installed = `${folder}node_modules/.package-lock.json`;

/** Installs the packages of the lock file, unless they are up to date. */
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
