/** The CDK app: context of `cdk.json` and `-c` to settings to one stack. */
import { App } from 'aws-cdk-lib';
import { AgentLauncherStack } from '../lib/agent-launcher-stack.ts';
import { parseSettings, type Settings } from '../lib/settings.ts';
import { SettingsError } from '../lib/settings-faults.ts';

const app = new App();
const settings = settingsOrExit();
new AgentLauncherStack(app, settings.stackName, { settings });

/** Wrong settings are the user's to mend: they are told what and how, without a stack trace. */
function settingsOrExit(): Settings {
  try {
    const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
    // Without credentials, the CLI says us-east-1 when it knows of no region.
    return parseSettings(app.node.getAllContext(), account === undefined ? undefined : region);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    console.error(`\n${error.message}\n`);
    process.exit(1);
  }
}
