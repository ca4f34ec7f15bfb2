/** Plausible wrong values, and the remedies in their errors. */
import { expect, it } from 'vitest';
import { MOST_POOLS } from '../../../lib/defaults.ts';
import { faultsIn } from '../settings-faults.ts';
import { EXISTING_VPC, LEAST, onePool } from '../synthesis.ts';

/** Returns the faults of the required settings with `-c` options. */
const faultsOf = (override: Record<string, unknown>, target = {}) =>
  faultsIn({ agentLauncher: LEAST, ...override }, target);

const half = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:agent-launcher/api-token';

it.each<[string, unknown, string]>([
  ['hostname', 'https://app.terraform.io', 'remove https://: app.terraform.io'],
  ['hostname', 'https://app.terraform.io/', 'remove https:// and /: app.terraform.io'],
  ['hostname', 'https://tfe.example.com:8443/app/acme', 'remove https:// and /app/acme: tfe.example.com:8443'],
  ['hostname', 'TFE.example.com', 'set it to tfe.example.com'],
  ['hostname', 'tfe.example.com.', 'set it to tfe.example.com'],
  ['hostname', '10.0.0.5', "the fully qualified hostname that is in the host's certificate"],
  ['hostname', '10.0.0.5:443', "the fully qualified hostname that is in the host's certificate"],
  ['hostname', '127.0.0.1:8443', "the fully qualified hostname that is in the host's certificate"],
  ['hostname', '[::1]:8443', "the fully qualified hostname that is in the host's certificate"],
  ['hostname', '::1', "the fully qualified hostname that is in the host's certificate"],
  ['hostname', 'tfe_eu.example.com:8443', 'correct it in cdk.json'],
  ['agentImage.registry', '10.0.0.5:5000/agent:1', 'use the hostname'],
  ['hostname', 'http://localhost:8080', 'use the fully qualified hostname, such as localhost.example.com'],
  ['hostname', 'tfe', 'use the fully qualified hostname, such as tfe.example.com'],
  ['hostname', 'tfe.example.com:22', 'on a port from 1024'],
  ['pools', '{"name":"aws"}', 'write it as a list, with [ and ] around the object: [{"name":"aws"}]'],
  ['pools.0.taskRoleStatements', '{"Version":"2012-10-17","Statement":[]}', 'use only the list under "Statement"'],
  ['pools.0.environment', 'LOG=a', '-c pools.0.environment.LOG=…'],
  ['tags', 'team=platform', '-c tags.team=…'],
  ['network.dnsFirewall', 'on', 'write true, without quotes'],
  ['agentImage.hideAgent', 'no', 'write false, without quotes'],
  ['organization', 'https://app.terraform.io/app/acme', 'use the name only: acme'],
  ['organization', 'app.terraform.io/app/acme/workspaces', 'use the name only: acme'],
  ['apiTokenSecret', half, `aws secretsmanager describe-secret --secret-id ${half} --query ARN --output text`],
  ['apiTokenSecret', `${half}-??????`, 'complete ARN'],
  ['apiTokenSecret', `${half}-AbCdEf:token::`, `set ${half}-AbCdEf:KEY`],
  ['apiTokenSecret', 'arn:aws:ssm:eu-central-1:123456789012:parameter/token', 'store the token in Secrets Manager'],
  ['apiTokenSecret', 'acme/tokens:', 'set acme/tokens:KEY'],
  ['nudge.hmacKeySecret', `${half}-AbCdEf:key:`, `set ${half}-AbCdEf:KEY`],
  ['pools.0.agentTokenSecret', 'acme/agent-tokens', 'describe-secret --secret-id acme/agent-tokens'],
  ['pools.0.agentTokenSecret', 'acme/tokens:agent', 'set the complete ARN, followed by :agent, because ECS finds'],
  ['pools.0.agentTokenSecret', `${half}-AbCdEf:agent:AWSCURRENT:`, `set ${half}-AbCdEf:KEY`],
  ['pools.0.agentTokenSecret', `${half}-AbCdEf:`, `set ${half}-AbCdEf:KEY`],
  ['pools.0.agentTokenSecret', `${half}:agent`, 'use the ARN of the secret'],
  ['pools.0.taskRolePolicyArns', '["SecurityAudit"]', 'arn:aws:iam::aws:policy/SecurityAudit'],
  ['pools.0.taskRolePolicyArns', '["ViewOnlyAccess"]', 'arn:aws:iam::aws:policy/job-function/ViewOnlyAccess'],
  ['pools.0.taskRolePolicyArns', '["policy/deploy"]', `aws iam list-policies --query "Policies[?PolicyName=='deploy']`],
  ['pools', '[{name:aws}]', `-c pools='[{"name":"value"}]'`],
  ['tags', '{team:platform}', `-c tags='{"name":"value"}'`],
  ['network.allowedDomains', '[a.example.com]', `-c network.allowedDomains='["value"]'`],
  ['pools.0.architecture', 'amd64', 'did you mean x86_64?'],
  ['pools.0.architecture', 'aarch64', 'did you mean arm64?'],
  ['network.egress', 'natgateway', 'did you mean nat-gateway?'],
  ['pools.0.cpu', 1, 'set CPU units: 1024 for 1 vCPU'],
  ['pools.0.memoryMiB', 2, 'set MiB: 2048 for 2 GiB'],
  ['logRetentionDays', 31, 'use 60, the next longer one'],
  ['alarmTopicArn', 'alarms', 'aws sns list-topics'],
  ['agentImage.version', 'v1.33.0', 'remove the v: 1.33.0'],
])('the error of %s=%s has the remedy', (path, value, remedy) => {
  const faults = faultsOf({ [path]: value });
  expect(faults).toHaveLength(1);
  expect(faults[0]?.remedy).toContain(remedy);
});

it.each([
  ['[{name:aws}]', `"[{name:aws}]", which isn't JSON from character 3 on: name:aws}]`],
  ['[{"name":"aws" "maxAgents":1}]', 'from character 16 on: "maxAgents":1}]'],
  ['[{"name": aws}]', 'from character 11 on: aws}]'],
  ['[{"name":"aws"}', ': its end is missing'],
  ['[{"name":"aws', ': its end is missing'],
])('the error of %s shows where the text stops being JSON', (value, given) => {
  expect(faultsOf({ pools: value })[0]?.given).toContain(given);
});

it('the error of text that is not JSON never shows a token', () => {
  const faults = faultsOf({ pools: '[{agentTokenSecret:AbCdEfGhIjKlMn.atlasv1.secretsecret}]' });
  expect(JSON.stringify(faults)).not.toContain('secretsecret');
});

it.each([
  ['vpcId', 'vpc-123', 'vpc-', 'which has 3 digits after vpc-'],
  ['vpcId', 'vpc-0123456789', 'vpc-', 'which has 10 digits after vpc-'],
  ['vpcId', 'vpc-0a1b2c3g', 'vpc-', 'which has characters that are not 0-9 or a-f after vpc-'],
  ['subnetIds', ['subnet-12'], 'subnet-', 'which has 2 digits after subnet-'],
  ['securityGroupIds', ['sg-default'], 'sg-', 'which has characters that are not 0-9'],
  ['vpcId', 'my-vpc', 'vpc-', '"my-vpc"'],
])('%s=%s is refused, because an ID has 8 or 17 hex digits', (key, value, prefix, given) => {
  const [fault, ...others] = faultsOf({ network: { ...EXISTING_VPC, [key]: value } });
  expect(others).toEqual([]);
  expect(fault?.given).toContain(given);
  expect(fault?.allowed).toContain(`${prefix} and 8 or 17 hex digits`);
  expect(fault?.remedy).toContain('aws ec2 describe-');
});

it.each(['vpc-0a1b2c3d', 'vpc-0123456789abcdef0'])('%s is accepted as the ID of a VPC', (vpcId) => {
  expect(faultsOf({ network: { ...EXISTING_VPC, vpcId } })).toEqual([]);
});

it('the error of too many pools contains their number and the maximum', () => {
  const pools = Array.from({ length: 21 }, (_, i) => ({ name: `p${i}`, agentTokenSecret: `acme/token/p${i}x` }));
  expect(faultsOf({ pools })).toEqual([
    {
      path: 'pools',
      given: '21 pools',
      allowed: `list of 1 to ${MOST_POOLS} pools, each with name and agentTokenSecret`,
      remedy: 'deploy a second stack, with another stackName, and move some pools there',
    },
  ]);
});

it('the error of a quoted number or boolean in cdk.json says to remove the quotes', () => {
  const agentLauncher = { ...LEAST, scheduleMinutes: '2', agentImage: { hideAgent: 'true' } };
  expect(faultsOf({ agentLauncher })).toMatchObject([
    { path: 'agentImage.hideAgent', remedy: 'write true, without quotes' },
    { path: 'scheduleMinutes', remedy: 'write it without quotes: 2' },
  ]);
});

it.each([
  ['scheduleMinutes', { scheduleMinutes: 2 }, '2, with idlePollSeconds 10', 'set scheduleMinutes to 1'],
  ['activePollSeconds', { activePollSeconds: 0 }, '0, with idlePollSeconds 10', 'set activePollSeconds to 5'],
  ['reservedConcurrency', { reservedConcurrency: 1 }, '1, with idlePollSeconds 10', 'set reservedConcurrency to 3'],
  ['reservedConcurrency', { reservedConcurrency: 2 }, '2, with idlePollSeconds 10', 'set reservedConcurrency to 3'],
])('the error of %s with idle polling by messages has the remedy: %j', (path, settings, given, remedy) => {
  const idlePolling = (idlePollSeconds: number) =>
    faultsOf({ agentLauncher: { ...LEAST, idlePollSeconds, ...settings } });
  expect(idlePolling(10)).toMatchObject([
    { path, given, remedy: expect.stringMatching(`^${remedy}.*or remove idlePollSeconds`) },
  ]);
  expect(idlePolling(60)).toEqual([]);
});

it('the error of reservedConcurrency with nudges has a remedy', () => {
  const withNudge = (reservedConcurrency: number) =>
    faultsOf({ agentLauncher: { ...LEAST, nudge: { hmacKeySecret: 'acme/nudge-key' }, reservedConcurrency } });
  expect(withNudge(2)).toMatchObject([
    {
      path: 'reservedConcurrency',
      given: '2, with nudge',
      remedy: 'set reservedConcurrency to 3, remove it, or remove nudge',
    },
  ]);
  expect(withNudge(3)).toEqual([]);
});

it.each<[path: string, network: object, launcher: object, given: string, remedy: string]>([
  [
    'launcher.vpc',
    { egress: 'public-ip' },
    { vpc: true },
    'true, with egress public-ip',
    'set network.egress to nat-gateway',
  ],
  [
    'launcher.vpc',
    { egress: 'on-demand' },
    { vpc: true },
    'true, with egress on-demand',
    'remove launcher.vpc, or set network.egress to nat-gateway: the launcher starts the gateway',
  ],
  [
    'network.launcherSubnetIds',
    { ...EXISTING_VPC, launcherSubnetIds: ['subnet-11111111'] },
    {},
    '["subnet-11111111"], without launcher.vpc',
    'set launcher.vpc to true',
  ],
  [
    'network.launcherSecurityGroupIds.0',
    { ...EXISTING_VPC, securityGroupIds: ['sg-11111111'], launcherSecurityGroupIds: ['sg-11111111'] },
    { vpc: true },
    '"sg-11111111", which is also in network.securityGroupIds',
    'create a group for the launcher',
  ],
  [
    'network.launcherSubnetIds.1',
    { ...EXISTING_VPC, launcherSubnetIds: ['subnet-11111111', 'subnet-11111111'] },
    { vpc: true },
    '"subnet-11111111", the same as network.launcherSubnetIds.0',
    'remove it',
  ],
])('the error of %s with the launcher in the VPC has a remedy: %o', (path, network, launcher, given, remedy) => {
  expect(faultsOf({ agentLauncher: { ...LEAST, network, launcher } })).toMatchObject([
    { path, given, remedy: expect.stringMatching(`^${remedy}`) },
  ]);
});

it('the launcher and its endpoints use addresses of the task subnets', () => {
  const faults = (maxAgents: number, more: object) =>
    faultsOf({ agentLauncher: { ...LEAST, ...onePool({ maxAgents }), network: { cidr: '10.90.0.0/22' }, ...more } });
  expect(faults(251, {})).toEqual([]);
  expect(faults(249, { launcher: { vpc: true } })).toEqual([]);
  expect(faults(250, { launcher: { vpc: true } })).toMatchObject([{ path: 'network.cidr' }]);
});

it('the settings of idle polling may have all other values together', () => {
  const settings = { ...LEAST, idlePollSeconds: 5, activePollSeconds: 60, reservedConcurrency: 3, scheduleMinutes: 1 };
  expect(faultsOf({ agentLauncher: settings })).toEqual([]);
});

it.each([0, 4, 61, 7.5, '10'])('idlePollSeconds can’t be %j', (idlePollSeconds) => {
  expect(faultsOf({ agentLauncher: { ...LEAST, idlePollSeconds } })).toMatchObject([{ path: 'idlePollSeconds' }]);
});

it.each(['your-org', 'example-org'])(
  'the organization %s is refused, because it is the placeholder of the example',
  (organization) => {
    const [fault, ...others] = faultsOf({ organization, 'pools.0.organization': organization });
    expect(fault).toMatchObject({
      path: 'organization',
      given: `"${organization}", the placeholder of the example`,
      remedy: expect.stringContaining('set it in cdk.json, or pass -c organization=NAME'),
    });
    expect(others).toMatchObject([{ path: 'pools.0.organization' }]);
    expect(faultsOf({ organization, 'agent-launcher:allowPlaceholder': 'true' })).toEqual([]);
    expect(faultsOf({ organization, 'agent-launcher:allowPlaceholder': 'false' })).toMatchObject([
      { path: 'organization' },
    ]);
    expect(faultsOf({ organization: organization.toUpperCase() })).toMatchObject([{ path: 'organization' }]);
  },
);

it.each([
  ['hashicorp/tfc-agent:1.20.0', "use a newer version. Agent 1.20.0 doesn't hide its token"],
  ['https://hub.docker.com/r/hashicorp/tfc-agent', "set the image's reference, with a tag: hashicorp/tfc-agent:1.33.0"],
  ['hashicorp/tfc-agent', 'pin the image'],
])('the error of the image %s has the remedy', (registry, remedy) => {
  expect(faultsOf({ agentImage: { registry } })[0]).toMatchObject({
    path: 'agentImage.registry',
    remedy: expect.stringContaining(remedy),
  });
});

const arn = (account: string, name: string) => `arn:aws:secretsmanager:eu-central-1:${account}:secret:${name}-AbCdEf`;

it('a secret of another account is refused, because the roles have no permissions for it', () => {
  const override = {
    apiTokenSecret: arn('111111111111', 'api'),
    'pools.0.agentTokenSecret': arn('222222222222', 'agent'),
  };
  expect(faultsOf(override, { account: '111111111111' })).toEqual([
    {
      path: 'pools.0.agentTokenSecret',
      given: expect.stringContaining('a secret of account 222222222222, while the stack is deployed to account 11'),
      allowed: 'secrets of the account that the stack is deployed to',
      remedy: expect.stringMatching(/^create the secret in account 111111111111\..*customer managed key.*kms:Decrypt/),
    },
  ]);
});

it('secrets of two accounts are refused if the account of the stack is unknown', () => {
  const one = { apiTokenSecret: arn('111111111111', 'api') };
  expect(faultsOf(one)).toEqual([]);
  expect(faultsOf({ ...one, 'pools.0.agentTokenSecret': arn('222222222222', 'agent') })).toMatchObject([
    { path: 'pools.0.agentTokenSecret', given: expect.stringContaining('while apiTokenSecret is in account 1111') },
  ]);
});

it('a customer managed policy of another account is refused', () => {
  const phases = { plan: { taskRolePolicyArns: ['arn:aws:iam::222222222222:policy/deploy'] } };
  const pools = onePool({ taskRolePolicyArns: ['arn:aws:iam::aws:policy/SecurityAudit'], phases });
  expect(faultsOf(pools, { account: '222222222222' })).toEqual([]);
  expect(faultsOf(pools, { account: '111111111111' })).toMatchObject([
    { path: 'pools.0.phases.plan.taskRolePolicyArns.0', remedy: expect.stringContaining('taskRoleStatements') },
  ]);
});
