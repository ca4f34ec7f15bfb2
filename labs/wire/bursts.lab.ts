/**
 * Tests throttled calls and lost responses in the middle of a burst, over real HTTP and TLS, with ECS's documented rates. In each row, one pool
 * has many queued jobs, and a second pool has one. At the end, every job must have had exactly one task, and the second pool's task must have been
 * launched within seconds. `npm run lab:wire:write` writes the measured times into docs/reliability.md.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ENV } from '../../functions/launcher/contract.ts';
import type { AgentPoolEnvironment } from '../../functions/launcher/pool-environment.ts';
import { type EcsServer, startEcs } from '../../local/ecs/server.ts';
import { type HcpTerraformServer, startHcpTerraform } from '../../local/hcp-terraform/server.ts';
import { archiveOf } from '../../local/start/configurations.ts';
import { HcpApi } from '../../local/start/hcp-api.ts';
import { startFunction } from '../../test/journey/cold-function.ts';
import { type Deployment, synthesize } from '../../test/journey/deployment.ts';
import { writeSection } from '../../test/lib/network/reachability/sections.ts';
import { registerScript } from '../../test/local/ecs/local-ecs.ts';
import { markdownTable } from '../markdown-table.ts';
import { type Aim, type FaultProxy, startFaultProxy, type WireFault } from './fault-proxy.ts';
import { awsError, LOST } from './faults.ts';

const JOBS = 80;
const TIMEOUT_MS = 58_000;
/** The schedule's first invocation must be enough. The next ones would hide a slow recovery. */
const INVOKED_EVERY_MS = 60_000;
/** A pool with one job takes its turn before the other pool's burst is over, even while ECS throttles. */
const OTHER_AT_ONCE_MS = 6_000;

const THROTTLED = awsError(400, 'ThrottlingException', 'Rate exceeded');
/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html */
const EC2_LIMIT = awsError(
  400,
  'InvalidParameterException',
  'Error retrieving security group information for [sg-1]: Request limit exceeded. (ErrorCode: RequestLimitExceeded)',
);

/** Maximum number of calls that the emulator itself throttles, for 81 launches. */
const MOST_THROTTLED = 10;

interface BurstRow {
  readonly fault?: WireFault;
  readonly aim?: Omit<Aim, 'on'>;
  /** Rate that other clients of the account leave, in calls per second. Default: the documented rate. */
  readonly perSecond?: number;
}

const ROWS: readonly (readonly [string, BurstRow])[] = [
  ['no fault', {}],
  ['one call throttled', { fault: THROTTLED, aim: { after: 20, times: 1 } }],
  ['ten calls in a row throttled', { fault: THROTTLED, aim: { after: 20, times: 10 } }],
  ['ten calls in a row throttled by EC2, as an invalid parameter', { fault: EC2_LIMIT, aim: { after: 20, times: 10 } }],
  ['other clients use half of the rate, from the start', { perSecond: 10 }],
  ['the responses of five calls in a row are lost', { fault: LOST, aim: { after: 20, times: 5 } }],
];

let deployment: Deployment;
let platform: HcpTerraformServer;
let api: HcpApi;
let otherPool: { readonly id: string };
let platformProxy: FaultProxy;
let archive: Buffer;
const runs: string[] = [];
let otherRun: string;
const measured: (string | number)[][] = [];

const BIG = 'big';
const SMALL = 'small';
const TOKEN_SECRET = 'acme/api-token';

beforeAll(async () => {
  platform = await startHcpTerraform({ organization: 'acme', agentPoolName: 'default', rateLimits: 'off' });
  platformProxy = await startFaultProxy({ url: platform.url, ca: platform.certPem });
  const user = { url: platform.url, token: platform.apiToken, certificate: platform.certPem };
  api = new HcpApi({ ...user, organization: 'acme' });
  otherPool = await api.createPool('other');
  archive = await archiveOf('resource "terraform_data" "it" {}\n');
  const pools = [{ name: 'default', agentTokenSecret: 'acme/agent-token', maxAgents: 2 * JOBS }];
  deployment = await synthesize(
    { hostname: platformProxy.hostname, organization: 'acme', apiTokenSecret: TOKEN_SECRET, pools },
    (variable) => (variable === ENV.subnets ? 'subnet-0a1b2c3d4e5f60710' : 'sg-0a1b2c3d4e5f60718'),
  );
  for (let n = 0; n < JOBS; n += 1) runs.push(await queueRun(`burst-${n}`, platform.agentPool.id));
  otherRun = await queueRun('other', otherPool.id);
}, 240_000);

afterAll(async () => {
  await Promise.all([platformProxy?.close(), platform?.close(), deployment?.remove(), api?.close()]);
  if (process.env['WIRE_WRITE'] !== '1' || measured.length !== ROWS.length) return;
  const header = ['in a burst', 'tasks', 'throttled calls', 'first to last launch', 'the other pool’s launch after'];
  writeSection('docs/reliability.md', 'wire-bursts', markdownTable(header, measured));
});

async function queueRun(workspace: string, poolId: string): Promise<string> {
  const { id: workspaceId } = await api.createWorkspace({ name: workspace, poolId });
  return api.queueRun({ workspaceId, archive, message: 'wire', planOnly: true, autoApply: false, isDestroy: false });
}

/** Each row starts a new ECS, so that its buckets are full and no task is left. */
async function startRow(perSecond: number): Promise<{ readonly aws: EcsServer; readonly proxy: FaultProxy }> {
  const aws = await startEcs({
    phases: { provisionMs: 60_000, pullMs: 5, bootMs: 5, deprovisionMs: 5 },
    closeGraceMs: 0,
    rates: { runTaskCalls: { burst: 20, perSecond }, launches: { burst: 100, perSecond: 20 } },
  });
  aws.createCluster({ clusterName: deployment.functionEnvironment[ENV.cluster] ?? '' });
  aws.putSecret(TOKEN_SECRET, platform.launcherApiToken);
  for (const family of [BIG, SMALL]) registerScript(aws, family, 'exec sleep 600', { name: 'agent', essential: true });
  return { aws, proxy: await startFaultProxy({ url: aws.url }) };
}

function poolsOfRow(): readonly AgentPoolEnvironment[] {
  const [own]: AgentPoolEnvironment[] = JSON.parse(deployment.functionEnvironment[ENV.agentPools] ?? '[]');
  const lane = own?.lanes[0];
  if (own === undefined || lane === undefined) throw new Error('The deployment has no pool with a lane');
  return [
    { ...own, lanes: [{ ...lane, taskDefinition: BIG }] },
    { ...own, name: 'other', id: otherPool.id, lanes: [{ ...lane, taskDefinition: SMALL }] },
  ];
}

async function tryBurst(name: string, { fault, aim, perSecond = 20 }: BurstRow): Promise<void> {
  const { aws, proxy } = await startRow(perSecond);
  if (fault !== undefined && aim !== undefined) proxy.inject(fault, { ...aim, on: 'RunTask' });
  const launches: { readonly job: string; readonly atMs: number }[] = [];
  const known = new Set<string>();
  aws.onTaskChange(({ id, startedBy = '' }) => {
    if (known.has(id)) return;
    known.add(id);
    launches.push({ job: startedBy, atMs: Date.now() });
  });
  const fn = startFunction(
    deployment.functionFolder,
    {
      ...deployment.functionEnvironment,
      [ENV.agentPools]: JSON.stringify(poolsOfRow()),
      [ENV.activePollSeconds]: '1',
      NODE_EXTRA_CA_CERTS: platformProxy.caFile ?? '',
      AWS_REGION: aws.region,
      AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
      AWS_ENDPOINT_URL: proxy.url,
    },
    { everyMs: INVOKED_EVERY_MS, timeoutMs: TIMEOUT_MS },
  );
  try {
    const wanted = [...runs, otherRun].map((run) => `${run}/plan`);
    await expect
      .poll(() => launches.length, { timeout: TIMEOUT_MS, interval: 20 })
      .toBeGreaterThanOrEqual(wanted.length);
    // Another tick must see all tasks, and launch none.
    const ticks = () => fn.lines.filter((line) => line.includes('"message":"tick')).length;
    const ticksThen = ticks();
    await expect.poll(ticks, { timeout: 30_000, interval: 20 }).toBeGreaterThan(ticksThen + 1);

    expect(launches.map(({ job }) => job).toSorted()).toEqual(wanted.toSorted());
    if (aim !== undefined) expect(proxy.hits).toBe(aim.times);
    const firstMs = launches[0]?.atMs ?? 0;
    const otherMs = (launches.find(({ job }) => job === `${otherRun}/plan`)?.atMs ?? 0) - firstMs;
    expect(otherMs).toBeLessThan(OTHER_AT_ONCE_MS);
    const throttled = aws.calls().filter(({ action, error }) => action === 'RunTask' && error !== undefined).length;
    const injected = fault?.kind === 'answer' ? proxy.hits : 0;
    // The launcher slows down at once, so its retries cause no throttle storm.
    expect(throttled).toBeLessThanOrEqual(MOST_THROTTLED);
    measured.push([
      name,
      launches.length,
      throttled + injected,
      seconds((launches.at(-1)?.atMs ?? 0) - firstMs),
      seconds(otherMs),
    ]);
  } finally {
    fn.kill();
    await proxy.close();
    await aws.close();
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

it.each(ROWS)('a burst launches one task per job, and delays no other pool: %s', tryBurst);
