/** cfn-lint over every egress mode: a second set of rules for templates, from AWS's own linter. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { LEAST, testApp } from '../../test/lib/synthesis.ts';
import { VALIDATED } from '../../test/lib/validated-settings.ts';

const missing = spawnSync('cfn-lint', ['--version']).status === 0 ? undefined : 'needs cfn-lint: pip install cfn-lint';

/** W3005: the CDK writes a DependsOn in addition to a reference to the same resource. */
const IGNORED = 'W3005';

it.skipIf(missing !== undefined)(
  `cfn-lint has no finding in any egress mode${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    const app = testApp();
    const tags = { team: 'platform' };
    const stacks = VALIDATED.map((more, index) => {
      const settings = parseSettings({ agentLauncher: { ...LEAST, tags, stackName: `Mode${index}`, ...more } });
      return new AgentLauncherStack(app, settings.stackName, { settings });
    });
    const { directory } = app.synth();
    const files = stacks.map(({ templateFile }) => join(directory, templateFile));
    const { status, stdout, stderr } = spawnSync('cfn-lint', ['--ignore-checks', IGNORED, '--', ...files], {
      encoding: 'utf8',
    });
    expect(stdout + stderr).toBe('');
    expect(status).toBe(0);
  },
);
