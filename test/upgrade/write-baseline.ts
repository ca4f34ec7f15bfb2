/**
 * `npm run upgrade:baseline`: makes the current templates the baseline of the upgrade test, and empties the list of allowed changes, which
 * were changes since the last baseline. `npm version` runs this.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { currentBaseline, writeBaseline } from './baseline.ts';

const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')));
writeBaseline(currentBaseline(version));

const ALLOWED = 'test/upgrade/allowed.ts';
const text = readFileSync(ALLOWED, 'utf8');
writeFileSync(ALLOWED, text.replace(/(ALLOWED: readonly Allowed\[\] = )\[.*\];\n$/s, '$1[];\n'));
