import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from './package-root.ts';

/** The package's version, from its `package.json`: next to the sources, or above `dist` in the built package. */
export function packageVersion(): string {
  const own = join(PACKAGE_ROOT, 'package.json');
  const manifest: unknown = JSON.parse(
    readFileSync(existsSync(own) ? own : join(PACKAGE_ROOT, '..', 'package.json'), 'utf8'),
  );
  if (
    typeof manifest === 'object' &&
    manifest !== null &&
    'version' in manifest &&
    typeof manifest.version === 'string'
  )
    return manifest.version;
  throw new Error(`The package.json of agent-launcher in ${PACKAGE_ROOT} has no version. Install the package again.`);
}
