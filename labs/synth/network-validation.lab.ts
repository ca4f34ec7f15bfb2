/** Checks every egress mode with CloudFormation's rules. All modes share one synthesis, because the rules take seconds to load. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testApp } from '../../test/lib/synthesis.ts';
import { addStacks } from './stacks.ts';

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
  addStacks(app);
  const { directory } = app.synth();
  const report = JSON.parse(readFileSync(join(directory, 'validation-report.json'), 'utf8'));
  expect(report).toMatchObject({ pluginReports: [] });
});
