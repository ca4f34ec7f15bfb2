import type { App } from 'aws-cdk-lib';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { LEAST } from '../../test/lib/synthesis.ts';
import { VALIDATED } from '../../test/lib/validated-settings.ts';

/** Adds a stack for every egress mode to an app. */
export function addStacks(app: App, common: object = {}): AgentLauncherStack[] {
  return VALIDATED.map((more, index) => {
    const settings = parseSettings({ agentLauncher: { ...LEAST, ...common, stackName: `Mode${index}`, ...more } });
    return new AgentLauncherStack(app, settings.stackName, { settings });
  });
}
