/** Writes every generated document: `npm run docs:write`. Tests compare the documents with their sources. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cdkJsonSchema, settingsReference } from './settings-reference.ts';

writeFileSync('docs/settings.md', settingsReference());
writeFileSync('docs/cdk.schema.json', `${JSON.stringify(cdkJsonSchema(), null, 2)}\n`);
process.exitCode =
  spawnSync(process.execPath, ['test/lib/network-docs.ts', '--write'], { stdio: 'inherit' }).status ?? 1;
