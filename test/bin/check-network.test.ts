/** The check of an existing VPC as a user runs it: a process, with a stand-in for the AWS CLI on the PATH. */
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

it('says that a VPC has what agents need, with what should be known', () => {
  const { status, stdout } = check(answers({ NatGatewayId: 'nat-1' }));
  expect(stdout).toContain(`${vpcId} has what agents need, as far as this command looks.`);
  expect(stdout).toMatch(/Not looked at: what is behind the default route/);
  expect(stdout).toContain('one zone');
  expect(status).toBe(0);
});

it('names what is missing, and what to do', () => {
  const { status, stdout } = check(answers({ GatewayId: 'igw-1' }));
  expect(stdout).toMatch(/MISSING subnet subnet-0123456789abcdef0 is public.*\n\s+to do: give private subnets/);
  expect(status).toBe(1);
});

it('takes no name without a value, and says how to give one', () => {
  const { status, stderr } = check(answers({ NatGatewayId: 'nat-1' }), '-c', 'network.egress');
  expect(stderr.trim()).toBe('-c network.egress is no setting with a value: write -c name=value, as with cdk.');
  expect(status).toBe(2);
});

it('says without a stack that an answer is not as it knows it', () => {
  const { status, stderr } = check({
    ...answers({ NatGatewayId: 'nat-1' }),
    'ec2 describe-subnets': { Subnets: [{}] },
  });
  expect(stderr).toMatch(/An answer of AWS is not as this command knows it/);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(status).toBe(2);
});

it('says when it cannot look', () => {
  const { status, stderr } = check(undefined);
  expect(stderr).toContain('The AWS CLI is needed');
  expect(status).toBe(2);
});
