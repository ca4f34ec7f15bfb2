/** cdk-nag's compliance packs find nothing that the code doesn't explain, and docs/compliance.md lists what they find. */
import { readFileSync } from 'node:fs';
import { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { beforeAll, expect, it } from 'vitest';
import { explain } from '../../lib/acknowledgement.ts';
import { compliancePage, settingsIn } from '../docs/compliance-reference.ts';
import { settingPaths } from '../docs/settings-reference.ts';
import { compliance, explanationsIn, judgementsIn, PACKS, staleExplanations } from './compliance.ts';
import { REGISTRY_IMAGE, stackOf } from './synthesis.ts';
import { VALIDATED } from './validated-settings.ts';

let result: ReturnType<typeof compliance>;
beforeAll(() => {
  result = compliance();
});

it.each(Object.keys(PACKS))('every finding of the pack %s has a reason in the code', (name) => {
  const own = result.judgements.filter(({ pack }) => pack === name);
  expect(own.length).toBeGreaterThan(10);
  expect(own.filter(({ isFinding, reason }) => isFinding && reason === undefined)).toEqual([]);
});

it.each(VALIDATED)('every finding has a reason in the code, with %o', (settings) => {
  const unexplained = judgementsIn(stackOf(settings).app).filter((one) => one.isFinding && one.reason === undefined);
  expect(unexplained).toEqual([]);
});

it('every reason in the code explains a finding', () => {
  expect(staleExplanations(result.judgements, result.explanations)).toEqual([]);
});

it('every setting that removes a finding exists', () => {
  const named = result.explanations.flatMap(({ reason }) => settingsIn(reason));
  expect(named).toContain('launcher.vpc');
  for (const setting of named) expect(settingPaths()).toContain(setting);
});

it('docs/compliance.md is up to date; if not, run npm run docs:write', () => {
  expect(compliancePage(result)).toBe(readFileSync('docs/compliance.md', 'utf8'));
});

it('an unexplained finding and an outdated reason are noticed', () => {
  const { app, stack } = stackOf(REGISTRY_IMAGE);
  const role = 'arn:aws:iam::123456789012:role/other';
  const other = new CfnFunction(stack, 'Other', {
    role,
    code: { zipFile: '0' },
    deadLetterConfig: { targetArn: role },
  });
  explain(other, { LambdaDLQ: 'An outdated reason.' });
  const judgements = judgementsIn(app).filter(({ path }) => path === 'Other');
  expect(judgements).toContainEqual({
    pack: 'PCI.DSS.321',
    rule: 'LambdaInsideVPC',
    path: 'Other',
    type: 'AWS::Lambda::Function',
    isFinding: true,
    reason: undefined,
  });
  const stale = staleExplanations(
    judgements,
    explanationsIn(app).filter(({ path }) => path === 'Other'),
  );
  expect(stale.map(({ pack, rule }) => `${pack} ${rule}`)).toEqual([
    'NIST.800.53.R5 LambdaDLQ',
    'HIPAA.Security LambdaDLQ',
    'Serverless LambdaDLQ',
  ]);
});
