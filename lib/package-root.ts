import { join } from 'node:path';

/**
 * Root of the sources, or `dist` of the built package. This file must stay at the top of `lib`: the build puts all code of `lib`
 * into the single folder `dist/lib`, so only a file at this depth finds the same root in both.
 */
export const PACKAGE_ROOT = join(import.meta.dirname, '..');
