/** Runs the check of an existing VPC as a user does: as a process, with an emulated AWS CLI on the PATH. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { answersWith, SUBNET_ID, VPC_ID } from '../lib/network-check/aws-answers.ts';
import { LEAST } from '../lib/synthesis.ts';
import { newFolder } from '../temporary-folder.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'check-network.ts');
const folder = newFolder('check-network');
const network = { egress: 'existing-vpc', vpcId: VPC_ID, subnetIds: [SUBNET_ID] };
writeFileSync(join(folder, 'cdk.json'), JSON.stringify({ context: { agentLauncher: { ...LEAST, network } } }));

const rule = { RuleNumber: 100, RuleAction: 'allow', Protocol: '-1', CidrBlock: '0.0.0.0/0' };
const Entries = [true, false].map((Egress) => ({ ...rule, Egress }));

/** Answers of the AWS CLI if the default route has this target. */
const answers = (target: object) => ({
  ...answersWith(target),
  'describe-network-acls': {
    NetworkAcls: [{ NetworkAclId: 'acl-1', Associations: [{ SubnetId: SUBNET_ID }], Entries }],
  },
});
const good = answers({ NatGatewayId: 'nat-1' });

function check(aws: object | undefined, ...more: string[]) {
  const bin = mkdtempSync(join(folder, 'bin-'));
  if (aws !== undefined) {
    const script = `#!${process.execPath}\nconst all = ${JSON.stringify(aws)};\nconsole.log(JSON.stringify(all[process.argv[3]]));\n`;
    writeFileSync(join(bin, 'aws'), script);
    chmodSync(join(bin, 'aws'), 0o755);
  }
  return spawnSync(process.execPath, [program, ...more], { cwd: folder, encoding: 'utf8', env: { PATH: bin } });
}

it('check-network reports that a VPC has what agents need, with notes', () => {
  const { status, stdout } = check(good);
  expect(stdout).toContain(`${VPC_ID} has everything that agents need and that this command can check.`);
  expect(stdout).toMatch(/Not checked: what is behind the default route/);
  expect(stdout).toContain('one zone');
  expect(status).toBe(0);
});

it('check-network reports what is missing and what to do', () => {
  const { status, stdout } = check(answers({ GatewayId: 'igw-1' }));
  expect(stdout).toMatch(/MISSING subnet subnet-0123456789abcdef0 is public.*\n\s+to do: use private subnets/);
  expect(status).toBe(1);
});

it('check-network prints its usage with --help', () => {
  const { status, stdout, stderr } = check(undefined, '--help');
  expect(stdout).toContain('Usage: npm run --silent check-network -- [-c name=value ...]');
  expect(stdout).toContain('Exit codes: 0 nothing is missing, 1 something is missing, 2 the check could not run.');
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

it.each<[string, object | undefined, string[], string[]]>([
  ['an unknown option', undefined, ['--vpc'], ['--vpc', 'Usage: npm run --silent check-network']],
  ['an argument', undefined, [VPC_ID], [VPC_ID, 'Usage: npm run --silent check-network']],
  [
    'a name without a value',
    good,
    ['-c', 'network.egress'],
    ['-c network.egress has no value. Write -c name=value, as with cdk.'],
  ],
  [
    'an unexpected answer of AWS',
    { ...good, 'describe-subnets': { Subnets: [{}] } },
    [],
    ['This command does not understand the response of AWS'],
  ],
  ['a missing AWS CLI', undefined, [], ['The AWS CLI (`aws`) could not be started. Install it']],
])('check-network fails without a stack trace and says what to do after %s', (_, aws, more, texts) => {
  const { status, stderr } = check(aws, ...more);
  for (const text of texts) expect(stderr).toContain(text);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(status).toBe(2);
});

it.each([
  ['no cdk.json', undefined],
  ['a cdk.json that is not JSON', '{'],
])('check-network explains where to run it if there is %s', (_, text) => {
  const elsewhere = newFolder('elsewhere');
  if (text !== undefined) writeFileSync(join(elsewhere, 'cdk.json'), text);
  const { status, stderr } = spawnSync(process.execPath, [program], { cwd: elsewhere, encoding: 'utf8' });
  expect(stderr).toContain(`${elsewhere}/cdk.json is not a CDK app's cdk.json`);
  expect(stderr).toContain('Run the command in the clone.');
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(status).toBe(2);
});
