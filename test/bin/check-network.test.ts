/** Runs the check of an existing VPC as a user does: as a process, with an emulated AWS CLI on the PATH. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { LEAST } from '../lib/synthesis.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'check-network-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const vpcId = 'vpc-0123456789abcdef0';
const subnetId = 'subnet-0123456789abcdef0';
writeFileSync(
  join(folder, 'cdk.json'),
  JSON.stringify({
    context: { agentLauncher: { ...LEAST, network: { egress: 'existing-vpc', vpcId, subnetIds: [subnetId] } } },
  }),
);

/** Answers as the AWS CLI gives them, by `<service> <command>`. */
const answers = (defaultRoute: object) => ({
  'ec2 describe-vpcs': { Vpcs: [{ VpcId: vpcId, CidrBlock: '10.0.0.0/16', DhcpOptionsId: 'dopt-1' }] },
  'ec2 describe-vpc-attribute': { EnableDnsSupport: { Value: true }, EnableDnsHostnames: { Value: true } },
  'ec2 describe-dhcp-options': {
    DhcpOptions: [{ DhcpConfigurations: [{ Key: 'domain-name-servers', Values: [{ Value: 'AmazonProvidedDNS' }] }] }],
  },
  'ec2 describe-subnets': {
    Subnets: [
      {
        SubnetId: subnetId,
        VpcId: vpcId,
        AvailabilityZone: 'eu-central-1a',
        CidrBlock: '10.0.1.0/24',
        AvailableIpAddressCount: 250,
      },
    ],
  },
  'ec2 describe-route-tables': {
    RouteTables: [
      {
        Associations: [{ Main: true }],
        Routes: [
          { DestinationCidrBlock: '10.0.0.0/16', GatewayId: 'local', State: 'active' },
          { DestinationCidrBlock: '0.0.0.0/0', State: 'active', ...defaultRoute },
        ],
      },
    ],
  },
  'ec2 describe-vpc-endpoints': { VpcEndpoints: [] },
  'ec2 describe-network-acls': {
    NetworkAcls: [
      {
        NetworkAclId: 'acl-1',
        Associations: [{ SubnetId: subnetId }],
        Entries: [true, false].map((Egress) => ({
          RuleNumber: 100,
          Egress,
          RuleAction: 'allow',
          Protocol: '-1',
          CidrBlock: '0.0.0.0/0',
        })),
      },
    ],
  },
  'route53resolver list-firewall-rule-group-associations': { FirewallRuleGroupAssociations: [] },
});

function check(aws: object | undefined, ...more: string[]) {
  const bin = mkdtempSync(join(folder, 'bin-'));
  if (aws !== undefined) {
    const script = `#!${process.execPath}\nconst all = ${JSON.stringify(aws)};\nconsole.log(JSON.stringify(all[process.argv.slice(2, 4).join(' ')]));\n`;
    writeFileSync(join(bin, 'aws'), script);
    chmodSync(join(bin, 'aws'), 0o755);
  }
  const run = spawnSync(process.execPath, [join(root, 'bin', 'check-network.ts'), ...more], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: bin },
  });
  return { status: run.status, stdout: run.stdout, stderr: run.stderr };
}

it('reports that a VPC has what agents need, with notes', () => {
  const { status, stdout } = check(answers({ NatGatewayId: 'nat-1' }));
  expect(stdout).toContain(`${vpcId} has what agents need, as far as this command checks.`);
  expect(stdout).toMatch(/Not checked: what is behind the default route/);
  expect(stdout).toContain('one zone');
  expect(status).toBe(0);
});

it('reports what is missing and what to do', () => {
  const { status, stdout } = check(answers({ GatewayId: 'igw-1' }));
  expect(stdout).toMatch(/MISSING subnet subnet-0123456789abcdef0 is public.*\n\s+to do: use private subnets/);
  expect(status).toBe(1);
});

it('prints how it is used with --help', () => {
  const { status, stdout, stderr } = check(undefined, '--help');
  expect(stdout).toContain('Usage: npm run --silent check-network -- [-c name=value ...]');
  expect(stdout).toContain('Exit codes: 0 nothing is missing, 1 something is missing, 2 the check could not run.');
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

it.each([['--vpc'], ['vpc-0123456789abcdef0']])('rejects %s without a stack trace and prints its usage', (argument) => {
  const { status, stderr } = check(undefined, argument);
  expect(stderr).toContain(argument);
  expect(stderr).toContain('Usage: npm run --silent check-network');
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(status).toBe(2);
});

it.each([
  ['no cdk.json', undefined],
  ['a cdk.json that is not JSON', '{'],
])('explains where to run when there is %s', (_, text) => {
  const elsewhere = mkdtempSync(join(folder, 'elsewhere-'));
  if (text !== undefined) writeFileSync(join(elsewhere, 'cdk.json'), text);
  const script = join(root, 'bin', 'check-network.ts');
  const { status, stderr } = spawnSync(process.execPath, [script], { cwd: elsewhere, encoding: 'utf8' });
  expect(stderr).toContain(`${elsewhere}/cdk.json is not a CDK app's cdk.json`);
  expect(stderr).toContain('Run the command in the clone.');
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(status).toBe(2);
});

it('rejects a name without a value and says how to write one', () => {
  const { status, stderr } = check(answers({ NatGatewayId: 'nat-1' }), '-c', 'network.egress');
  expect(stderr.trim()).toBe('-c network.egress has no value. Write -c name=value, as with cdk.');
  expect(status).toBe(2);
});

it('reports an unknown answer of AWS without a stack trace', () => {
  const { status, stderr } = check({
    ...answers({ NatGatewayId: 'nat-1' }),
    'ec2 describe-subnets': { Subnets: [{}] },
  });
  expect(stderr).toMatch(/AWS answered in a form that this command does not know/);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(status).toBe(2);
});

it('says what to install when the AWS CLI is missing', () => {
  const { status, stderr } = check(undefined);
  expect(stderr).toContain('The AWS CLI (`aws`) could not be started. Install it');
  expect(status).toBe(2);
});
