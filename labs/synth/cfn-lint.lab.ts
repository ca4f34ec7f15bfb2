/** Checks the template of every egress mode with cfn-lint, AWS's own linter. */
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { testApp } from '../../test/lib/synthesis.ts';
import { runSync, whyMissing } from '../../test/processes.ts';
import { testUnless } from '../../test/unless.ts';
import { addStacks } from './stacks.ts';

/** Ignored, because the CDK writes a DependsOn even if there is a reference to the same resource. */
const IGNORED = 'W3005';

// cfn-lint reads megabytes of templates.
vi.setConfig({ testTimeout: 400_000 });

testUnless(whyMissing('cfn-lint'), 'cfn-lint has no finding in any egress mode', () => {
  const app = testApp();
  const stacks = addStacks(app, { tags: { team: 'platform' } });
  const { directory } = app.synth();
  const files = stacks.map(({ templateFile }) => join(directory, templateFile));
  const args = ['--ignore-checks', IGNORED, '--', ...files];
  expect(runSync('cfn-lint', args)).toEqual({ code: 0, stdout: '', stderr: '' });
});
