import { expect, test } from 'vitest';
import { nextSteps } from '../../../../cli/core/setup/next-steps.ts';

const HERE = { folder: '/clone', isCwd: true, isInstalled: true };
const POOL = { hostname: 'app.terraform.io', organization: 'acme', pool: 'aws' };

test('the next steps check the settings, deploy, and end with the workspace', () => {
  const steps = nextSteps('cdk.json', {}, HERE, POOL);
  expect(steps.map((step) => step.trim())).toEqual([
    'The settings are in cdk.json. Next:',
    'agent-launcher doctor --settings',
    '# finds what is missing, such as the service-linked role of ECS',
    'npx cdk bootstrap   # once per account and region',
    'npx cdk deploy',
    'Then let a workspace use the pool: Settings > General > Execution mode: Agent,',
    'agent pool aws: https://app.terraform.io/app/acme/workspaces',
  ]);
});

test('the next steps use the profile and the region of setup, and the form of its command', () => {
  const steps = nextSteps(
    'cdk.json',
    { npm_lifecycle_event: 'agent-launcher' },
    { ...HERE, profile: 'test', region: 'eu-west-1' },
    POOL,
  );
  expect(steps).toContain('  npm run --silent agent-launcher -- doctor --settings --region eu-west-1 --profile test');
  expect(steps).toContain('  AWS_REGION=eu-west-1 npx cdk deploy --profile test');
});

test('the next steps install the packages, and go to the folder of the settings', () => {
  const steps = nextSteps(
    '../other/cdk.json',
    {},
    { ...HERE, folder: '/other', isCwd: false, isInstalled: false },
    POOL,
  );
  expect(steps.slice(1, 3)).toEqual(['  cd /other', '  npm ci']);
  expect(nextSteps('team.json', {}, HERE, POOL)[1]).toContain('The CDK reads cdk.json only');
});

test('the next steps say that somebody must confirm the subscription of an e-mail address', () => {
  const steps = nextSteps('cdk.json', {}, HERE, { ...POOL, alarmEmail: 'ops@acme.example' });
  expect(steps).toContain('      # SNS then sends a message to ops@acme.example: open its link, or no alarm arrives');
});
