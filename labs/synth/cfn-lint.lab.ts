/** AWS's own linter, with its own rules, on the template of every egress mode. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { testApp } from '../../test/lib/synthesis.ts';
import { runSync, whyMissing } from '../../test/processes.ts';
import { testUnless } from '../../test/unless.ts';
import { addStacks } from './stacks.ts';

/** The CDK writes a DependsOn in addition to a reference to the same resource. */
const IGNORED = 'W3005';

testUnless(whyMissing('cfn-lint'), 'cfn-lint has no finding in any egress mode', () => {
  const app = testApp();
  const stacks = addStacks(app, { tags: { team: 'platform' } });
  const { directory } = app.synth();
  const files = stacks.map(({ templateFile }) => join(directory, templateFile));
  const args = ['--ignore-checks', IGNORED, '--', ...files];
  expect(runSync('cfn-lint', args)).toEqual({ code: 0, stdout: '', stderr: '' });
});
