/**
 * Writes the least-privilege policies for deploying the stack of `cdk.json`:
 *
 *   npm run --silent deploy-policy -- FOLDER --account 123456789012 --region eu-central-1 [-c name=value]...
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { REGION } from '../lib/aws/partitions.ts';
import { parseSettings } from '../lib/settings/parse.ts';
import { cdkCallerPolicy, executionPolicies, type Target, type Template } from './deploy-policy/policies.ts';
import { FOLDER_OPTIONS, type FolderArguments, folderArguments, runFolderScript } from './folder-script.ts';
import { contextIn, flagsIn, synthesize } from './release/synthesize.ts';
import { stackEnvironment } from './stack-environment.ts';

const USAGE = `Usage: npm run --silent deploy-policy -- FOLDER --account ID --region REGION
                                         [-c name=value ...]

Writes IAM policies that allow exactly what a deployment of the settings in
cdk.json needs:
  execution-1.json, …   for the role with which CloudFormation creates the stack
  caller-cdk.json       for a person or a pipeline that runs "cdk deploy"
It prints the files. docs/deploy-policy/README.md shows what to do with them.

Options:
      --account ID           Account of the deployment.
      --region REGION        Region of the deployment.
  -c, --context name=value   Overrides a setting in cdk.json, as in
                             "cdk deploy -c name=value". Repeat it for more
                             settings.
  -h, --help                 Prints this text.

Exit codes: 0 written, 1 the settings are wrong, 2 used wrongly.`;

runFolderScript(USAGE, given, ({ folder, overrides, ...target }) => {
  const context = contextIn(join(import.meta.dirname, '..'));
  const settings = parseSettings({ ...context, ...overrides }, target);
  const template: Template = JSON.parse(synthesize(settings, flagsIn(context), stackEnvironment(target)).json);
  const files = [
    ...executionPolicies([template], settings, target).map(
      (policy, index) => [`execution-${index + 1}.json`, policy] as const,
    ),
    ['caller-cdk.json', cdkCallerPolicy(target)] as const,
  ];
  mkdirSync(folder, { recursive: true });
  for (const [name, policy] of files) {
    writeFileSync(join(folder, name), `${JSON.stringify(policy, null, 2)}\n`);
    console.log(join(folder, name));
  }
});

function given(): (FolderArguments & Target) | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...FOLDER_OPTIONS,
      account: { type: 'string', default: '' },
      region: { type: 'string', default: '' },
    },
  });
  if (values.help) return undefined;
  const { account, region } = values;
  const its = folderArguments(positionals, values.context);
  if (!/^\d{12}$/.test(account)) {
    throw new Error(`--account is ${JSON.stringify(account)}. Give the 12 digits of the account.`);
  }
  if (!REGION.test(region)) {
    throw new Error(`--region is ${JSON.stringify(region)}. Give a region such as eu-central-1.`);
  }
  return { ...its, account, region };
}
