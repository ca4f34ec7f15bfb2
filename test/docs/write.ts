/** Writes every generated document: `npm run docs:write`. Tests compare the documents with their sources. */
import { spawnSync } from 'node:child_process';
import { globSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rowTable } from '../../labs/enterprise/rows.ts';
import { compliance } from '../lib/compliance.ts';
import { writeSection } from '../lib/network/reachability/sections.ts';
import { cliReference, cliSchema } from './cli-reference.ts';
import { compliancePage } from './compliance-reference.ts';
import { DEPLOY_POLICY_FOLDER, deployPolicyFiles } from './deploy-policy.ts';
import { enterprisePage } from './enterprise-reference.ts';
import { releaseSections } from './release-reference.ts';
import { boundaryTable } from './roles-reference.ts';
import { cdkJsonSchema, settingsReference } from './settings-reference.ts';

writeFileSync('docs/settings.md', settingsReference());
writeFileSync('docs/cdk.schema.json', `${JSON.stringify(cdkJsonSchema(), null, 2)}\n`);
for (const { name, text } of releaseSections()) writeSection('docs/without-cdk.md', name, text);
writeFileSync('docs/cli.md', await cliReference());
writeFileSync('docs/cli.schema.json', `${JSON.stringify(await cliSchema(), null, 2)}\n`);
writeFileSync('docs/enterprise.md', enterprisePage());
writeSection('docs/enterprise-network.md', 'enterprise', rowTable());
writeSection('docs/roles.md', 'boundary', boundaryTable());
writeFileSync('docs/compliance.md', compliancePage(compliance()));
for (const stale of globSync(join(DEPLOY_POLICY_FOLDER, '*.json'))) rmSync(stale);
for (const [name, text] of deployPolicyFiles()) writeFileSync(join(DEPLOY_POLICY_FOLDER, name), text);
process.exitCode =
  spawnSync(process.execPath, ['test/lib/network-docs.ts', '--write'], { stdio: 'inherit' }).status ?? 1;
