/** CloudFormation's rules for every egress mode, in one synthesis, because the rules take seconds to load. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { LEAST, testApp } from '../../test/lib/synthesis.ts';
import { VALIDATED } from '../../test/lib/validated-settings.ts';

const before = process.env['CDK_VALIDATION'];
beforeAll(() => {
  process.env['CDK_VALIDATION'] = 'true';
});
afterAll(() => {
  process.env['CDK_VALIDATION'] = before;
});

it('no egress mode has a finding', () => {
  const app = testApp();
  app.node.setContext('@aws-cdk/core:validateAgainstDefaultRules', true);
  for (const [index, more] of VALIDATED.entries()) {
    const settings = parseSettings({ agentLauncher: { ...LEAST, stackName: `Way${index}`, ...more } });
    new AgentLauncherStack(app, settings.stackName, { settings });
  }
  const { directory } = app.synth();
  const report = JSON.parse(readFileSync(join(directory, 'validation-report.json'), 'utf8'));
  expect(report).toMatchObject({ pluginReports: [] });
});
