/** The CDK app: parses the settings from the context of `cdk.json` and `-c`, and creates a stack. */
import { App } from 'aws-cdk-lib';
import { AgentLauncherStack } from '../lib/agent-launcher-stack.ts';
import { dockerNote } from '../lib/settings/docker-note.ts';
import { SettingsError } from '../lib/settings/errors.ts';
import { parseSettings, type Settings } from '../lib/settings/parse.ts';
import { stackEnvironment } from './stack-environment.ts';

const app = new App();
const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
const settings = settingsOrExit();
new AgentLauncherStack(app, settings.stackName, { settings, ...stackEnvironment({ account, region }) });
const note = dockerNote(settings, process.env);
if (note !== undefined) console.error(note);

/** Invalid settings are a user error: prints what to fix, without a stack trace. */
function settingsOrExit(): Settings {
  try {
    // Without credentials, the CLI reports us-east-1 if no region is configured.
    return parseSettings(app.node.getAllContext(), account === undefined ? {} : { account, region });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    console.error(`\n${error.message}\n`);
    process.exit(1);
  }
}
