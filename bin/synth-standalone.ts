/**
 * Synthesizes the settings of `cdk.json` into a template and ZIP files that need no CDK bootstrap:
 *
 *   npm run --silent synth:standalone -- FOLDER [-c name=value]...
 *
 * `aws cloudformation deploy` and Terraform's `aws_cloudformation_stack` accept the template (docs/without-cdk.md). It is a script and
 * not a command of `agent-launcher`, because that command works without the CDK.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseSettings } from '../lib/settings/parse.ts';
import { FOLDER_OPTIONS, folderArguments, runFolderScript } from './folder-script.ts';
import { functionNames } from './function-names.ts';
import { writeCode } from './release/code.ts';
import { contextIn, flagsIn, synthesizeStandalone } from './release/synthesize.ts';
import { writeTemplate } from './release/write.ts';

const USAGE = `Usage: npm run --silent synth:standalone -- FOLDER [-c name=value ...]

Writes a template and the ZIP files of the functions for the settings in
cdk.json. Deploying them needs neither the CDK nor its bootstrap. It prints the
path of the template; docs/without-cdk.md shows how to deploy it.

Options:
  -c, --context name=value   Overrides a setting in cdk.json, as in
                             "cdk deploy -c name=value". Repeat it for more
                             settings.
  -h, --help                 Prints this text.

Exit codes: 0 written, 1 the settings are wrong, 2 used wrongly.

Example:
  npm run --silent synth:standalone -- out -c organization=acme \\
      -c agentImage.registry=hashicorp/tfc-agent:1.33.0`;

runFolderScript(
  USAGE,
  () => {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: FOLDER_OPTIONS });
    return values.help ? undefined : folderArguments(positionals, values.context);
  },
  ({ folder, overrides }) => {
    const context = contextIn(process.cwd());
    const settings = parseSettings({ ...context, ...overrides });
    // First check that the settings can be synthesized. Bundling takes seconds.
    const names = new Map(functionNames().map((name) => [name, '']));
    synthesizeStandalone(settings, names, flagsIn(context));
    const { template, warnings } = synthesizeStandalone(settings, writeCode(folder), flagsIn(context));
    const file = join(folder, `${settings.stackName}.template.json`);
    writeTemplate(file, template);
    for (const warning of warnings) console.error(`Warning: ${warning}`);
    console.log(file);
  },
);
