/** Runs the check of an existing VPC as a user does: as a process, against the local EC2, with an emulated AWS CLI on the PATH. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EcsServer, startEcs } from '../../local/ecs/server.ts';
import { LEAST } from '../lib/synthesis.ts';
import { type ProgramResult, runProgram } from '../processes.ts';
import { newFolder } from '../temporary-folder.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'check-network.ts');
const folder = newFolder('check-network');

/** Ids of the VPC in the local EC2. */
let server: EcsServer;
let network: { readonly egress: 'existing-vpc'; readonly vpcId: string; readonly subnetIds: readonly string[] };
beforeAll(async () => {
  server = await startEcs();
  const [first] = server.aws.network.get('Subnets');
  network = { egress: 'existing-vpc', vpcId: String(first?.['VpcId']), subnetIds: [String(first?.['SubnetId'])] };
  writeFileSync(join(folder, 'cdk.json'), JSON.stringify({ context: { agentLauncher: { ...LEAST, network } } }));
});
afterAll(() => server.close());

interface Given {
  /** Default: the AWS CLI answers that there is no DNS Firewall. */
  readonly awsCli?: 'none' | 'denied';
  readonly env?: Readonly<Record<string, string>>;
}

function check(more: readonly string[] = [], { awsCli, env }: Given = {}): Promise<ProgramResult> {
  const bin = mkdtempSync(join(folder, 'bin-'));
  if (awsCli !== 'none') {
    // It answers nothing about EC2.
    const answer = 'console.log(JSON.stringify({ FirewallRuleGroupAssociations: [] }))';
    const refusal = "console.error('An error occurred (AccessDeniedException)'); process.exit(254)";
    const script = `#!${process.execPath}\nif (process.argv[2] !== 'route53resolver' || ${awsCli === 'denied'}) { ${refusal} } else { ${answer} }\n`;
    writeFileSync(join(bin, 'aws'), script);
    chmodSync(join(bin, 'aws'), 0o755);
  }
  return runProgram(process.execPath, [program, ...more], {
    cwd: folder,
    env: {
      PATH: bin,
      HOME: folder,
      AWS_ENDPOINT_URL: server.url,
      AWS_DEFAULT_REGION: server.region,
      AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      ...env,
    },
  });
}

/** Changes what EC2 shows until the returned function is called. */
function change(kind: 'Subnets' | 'RouteTables', changed: (resource: Readonly<Record<string, unknown>>) => object) {
  const { network: vpc } = server.aws;
  const before = vpc.get(kind);
  vpc.set(
    kind,
    before.map((resource) => ({ ...changed(resource) })),
  );
  return () => vpc.set(kind, before);
}

it('check-network reports that a VPC has what agents need, with notes', async () => {
  const { code, stdout, stderr } = await check();
  expect(stdout).toContain(`${network.vpcId} has everything that agents need and that this command can check.`);
  expect(stdout).toMatch(/Not checked: what is behind the default route/);
  expect(stdout).toContain('one zone');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

it('check-network reports what is missing and what to do', async () => {
  const toInternet = { DestinationCidrBlock: '0.0.0.0/0', GatewayId: 'igw-1', State: 'active' };
  const restore = change('RouteTables', (table) => ({ ...table, Routes: [toInternet] }));
  const { code, stdout } = await check();
  restore();
  expect(stdout).toMatch(/MISSING subnet subnet-[0-9a-f]+ is public.*\n\s+to do: use private subnets/);
  expect(code).toBe(1);
});

it.each([
  ['is missing', 'none', 'The AWS CLI (`aws`) could not be started. Install it'],
  ['may not read it', 'denied', 'AccessDeniedException'],
] as const)(
  'check-network checks the rest if the AWS CLI %s, and says that DNS Firewall was not checked',
  async (_, awsCli, reason) => {
    const { code, stdout, stderr } = await check([], { awsCli });
    expect(stdout).toContain(`${network.vpcId} has everything`);
    expect(stdout).toContain('Not checked: DNS Firewall, ');
    expect(stderr).toContain(`DNS Firewall was not checked.`);
    expect(stderr).toContain(reason);
    expect(code).toBe(0);
    const needed = ['-c', `network=${JSON.stringify({ ...network, dnsFirewall: true })}`];
    expect((await check(needed, { awsCli })).code).toBe(2);
  },
);

it('check-network prints its usage with --help', async () => {
  const { code, stdout, stderr } = await check(['--help'], { awsCli: 'none' });
  expect(stdout).toContain('Usage: npm run --silent check-network -- [-c name=value ...]');
  expect(stdout).toContain('Exit codes: 0 nothing is missing, 1 something is missing, 2 the check could not\nrun.');
  expect(stderr).toBe('');
  expect(code).toBe(0);
});

it.each<[string, string[], Given, string[]]>([
  ['an unknown option', ['--vpc'], {}, ['--vpc', 'Usage: npm run --silent check-network']],
  ['an argument', ['vpc-1'], {}, ['vpc-1', 'Usage: npm run --silent check-network']],
  [
    'a name without a value',
    ['-c', 'network.egress'],
    {},
    ['-c network.egress has no value. Write -c name=value, as with cdk.'],
  ],
  [
    'a VPC that does not exist',
    ['-c', 'network.vpcId=vpc-0123456789abcdef0'],
    {},
    ["The vpc ID 'vpc-0123456789abcdef0' does not exist", 'read-only permissions for EC2'],
  ],
  ['a wrong key', [], { env: { AWS_SECRET_ACCESS_KEY: 'wrong' } }, ['EC2 did not answer: ', 'AWS credentials']],
  ['no credentials', [], { env: { AWS_ACCESS_KEY_ID: '' } }, ['Could not load credentials', 'AWS credentials']],
  ['no region', [], { env: { AWS_DEFAULT_REGION: '' } }, ['Region is missing', 'a region (AWS_REGION)']],
])('check-network fails without a stack trace and says what to do after %s', async (_, more, given, texts) => {
  const { code, stderr } = await check(more, given);
  for (const text of texts) expect(stderr).toContain(text);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(code).toBe(2);
});

it('check-network says that it does not understand an unexpected answer of AWS', async () => {
  const restore = change('Subnets', ({ SubnetId, VpcId }) => ({ SubnetId, VpcId }));
  const { code, stderr } = await check();
  restore();
  expect(stderr).toContain('This command does not understand the response of AWS');
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(code).toBe(2);
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
