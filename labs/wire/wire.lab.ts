/**
 * Tests faults over real HTTP and TLS. The bundle from `cdk synth` starts cold, with a fault proxy in front of each emulator. Each
 * row queues one job in each of two pools, and injects a fault in one pool. At the end, exactly one task must have been launched for
 * each job, and the other pool's task must have been launched without delay. `npm run lab:wire:write` writes the measured times into
 * docs/reliability.md.
 */
import { ECSClient, StopTaskCommand } from '@aws-sdk/client-ecs';
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
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { aimAtPool, FAULT_TABLE, type FaultRow, POOL_FAULT_TABLE, type PoolFaultRow, type Target } from './faults.ts';

/** The shortest interval within the emulator's limit of 30 lists per minute, if every row starts a cold function. */
const INVOKED_EVERY_MS = 2_000;
const LAMBDA_TIMEOUT_MS = 13_000;
/** A request to HCP Terraform that hangs takes 8 s. A pool that doesn't wait for it is served much earlier. */
const AT_ONCE_MS = 6_000;

let platform: HcpTerraformServer;
let aws: EcsServer;
let api: HcpApi;
/** A second organization, to which no fault of the table applies. */
let otherApi: HcpApi;
let otherPool: { readonly id: string };
let deployment: Deployment;
let archive: Buffer;
let platformProxy: FaultProxy;
let awsProxy: FaultProxy;
const measured: (string | number)[][] = [];
const measuredApart: string[][] = [];

beforeAll(async () => {
  platform = await startHcpTerraform({ organization: 'acme', agentPoolName: 'default', rateLimits: 'off' });
  aws = await startEcs({ phases: { provisionMs: 5, pullMs: 5, bootMs: 5, deprovisionMs: 5 }, closeGraceMs: 0 });
  platformProxy = await startFaultProxy({ url: platform.url, ca: platform.certPem });
  awsProxy = await startFaultProxy({ url: aws.url });
  const user = { url: platform.url, token: platform.apiToken, certificate: platform.certPem };
  api = new HcpApi({ ...user, organization: 'acme' });
  otherApi = new HcpApi({ ...user, organization: 'other' });
  await api.createOrganization('other');
  otherPool = await otherApi.createPool('other');
  archive = await archiveOf('resource "terraform_data" "it" {}\n');
  const pools = [{ name: 'default', agentTokenSecret: 'acme/agent-token', maxAgents: 5 }];
  deployment = await synthesize(
    { hostname: platformProxy.hostname, organization: 'acme', apiTokenSecret: TOKEN_SECRET, pools },
    (variable) => (variable === ENV.subnets ? aws.subnets.map(({ id }) => id).join(',') : aws.securityGroups.join(',')),
  );
  aws.createCluster({ clusterName: cluster() });
  aws.putSecret(TOKEN_SECRET, platform.launcherApiToken);
  aws.putSecret('acme/other-token', platform.launcherApiToken);
  for (const family of [...deployment.taskDefinitions.map(({ family }) => family), OTHER, NEIGHBOUR]) {
    // No agent takes the job, because the lab only checks launches.
    registerScript(aws, family, 'exec sleep 600', { name: 'agent', essential: true });
  }
}, 120_000);

afterAll(async () => {
  await Promise.all([platformProxy?.close(), awsProxy?.close()]);
  await Promise.all([platform?.close(), aws?.close(), deployment?.remove(), api?.close(), otherApi?.close()]);
  const whole = measured.length === FAULT_TABLE.length && measuredApart.length === POOL_FAULT_TABLE.length;
  if (process.env['WIRE_WRITE'] !== '1' || !whole) return;
  const common = ['fault of one pool', 'the other pool’s time to launch'] as const;
  const header = [common[0], 'what the launcher logged', 'failed ticks', 'tasks', 'time to launch', common[1]];
  writeSection('docs/reliability.md', 'wire', markdownTable(header, measured));
  writeSection('docs/reliability.md', 'wire-pools', markdownTable(common, measuredApart));
});

/** Task families of the pools that aren't in the deployment. */
const OTHER = 'other';
const NEIGHBOUR = 'neighbour';

const cluster = () => deployment.functionEnvironment[ENV.cluster] ?? '';
const patience = { timeout: 90_000, interval: 20 };

async function queueRun(workspace: string, poolId = platform.agentPool.id, as = api): Promise<string> {
  const { id: workspaceId } = await as.createWorkspace({ name: workspace, poolId });
  return as.queueRun({ workspaceId, archive, message: 'wire', planOnly: true, autoApply: false, isDestroy: false });
}

function launcherOf(...pools: readonly AgentPoolEnvironment[]) {
  return startFunction(
    deployment.functionFolder,
    {
      ...deployment.functionEnvironment,
      [ENV.agentPools]: JSON.stringify(pools),
      // One poll per invocation, so that the error of a tick is the invocation's.
      [ENV.activePollSeconds]: '0',
      NODE_EXTRA_CA_CERTS: platformProxy.caFile ?? '',
      AWS_REGION: aws.region,
      AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
      AWS_ENDPOINT_URL: awsProxy.url,
    },
    { everyMs: INVOKED_EVERY_MS, timeoutMs: LAMBDA_TIMEOUT_MS },
  );
}

/** Secret of the deployment's API token. */
const TOKEN_SECRET = 'acme/api-token';

/** The only pool of the deployment, as the function's environment describes it. */
function deployedPool() {
  const [pool]: AgentPoolEnvironment[] = JSON.parse(deployment.functionEnvironment[ENV.agentPools] ?? '[]');
  const lane = pool?.lanes[0];
  if (pool === undefined || lane === undefined) throw new Error('The deployment has no pool with a lane');
  return { pool, lane };
}

const tasksFor = (run: string) => aws.tasks(cluster()).filter(({ startedBy }) => startedBy === `${run}/plan`);

/** Time measurement starts here, because the duration of a cold start depends on the machine. */
function firstRequestAtMs(): number {
  return Math.min(...[platformProxy, awsProxy].map((proxy) => proxy.firstRequestAtMs ?? Number.POSITIVE_INFINITY));
}

const ROW_IS_OVER = 'the row is over';

/** Removes the faults, and stops all tasks: a task that still runs would be supply for the next row. */
async function reset(): Promise<void> {
  platformProxy.heal();
  awsProxy.heal();
  const client = new ECSClient({ endpoint: aws.url, region: aws.region, credentials: aws.credentials });
  const live = aws.tasks(cluster()).filter(({ desiredStatus }) => desiredStatus !== 'STOPPED');
  await Promise.all(
    live.map(({ id }) => client.send(new StopTaskCommand({ cluster: cluster(), task: id, reason: ROW_IS_OVER }))),
  );
  client.destroy();
}

/** The log's message about the fault, without the parts that differ between runs. */
function whatWasLogged(lines: readonly string[], pattern: RegExp | undefined): string {
  const line = lines.find((text) => pattern?.test(text));
  if (line === undefined) return '–';
  const messages = [...line.matchAll(/"(?:message|detail)":"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text ?? '');
  return (messages.filter((text) => text !== 'tick' && text !== 'tick with errors')[0] ?? '–')
    .replaceAll(/localhost:\d+/g, 'the host')
    .replaceAll(/[, ]*request id [\w-]+/g, '');
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const launchedOnce = (run: string) => expect.poll(() => tasksFor(run).length, patience).toBe(1);

/** Tries a fault of the deployment's pool, with a pool of another organization next to it. */
async function tryFault(name: string, row: FaultRow, index: number): Promise<void> {
  const proxy = row.system === 'HCP Terraform' ? platformProxy : awsProxy;
  const hitsBefore = proxy.hits;
  const { pool: own, lane } = deployedPool();
  const { taskDefinition } = lane;
  const target: Target = { id: platform.agentPool.id, name: own.name, taskDefinition, apiTokenSecret: TOKEN_SECRET };
  const other: AgentPoolEnvironment = {
    ...own,
    name: 'other',
    organization: 'other',
    apiTokenSecret: 'acme/other-token',
    lanes: [{ ...lane, taskDefinition: OTHER }],
  };
  const aimed = aimAtPool(row, target);
  proxy.inject(row.fault, aimed ?? row.aim);
  const run = await queueRun(`w${index}`);
  const others = await queueRun(`o${index}`, otherPool.id, otherApi);
  const startedAt = Date.now();
  const fn = launcherOf(own, other);
  try {
    const afterMs = (wanted: string) => launchedOnce(wanted).then(() => Date.now() - startedAt);
    const [rightAfterMs, otherAfterMs] = await Promise.all([afterMs(run), afterMs(others)]);
    // A complete tick without errors must follow, and must not launch another task.
    const invocationsThen = fn.invocations.length;
    const followedByGoodTick = () => fn.invocations.slice(invocationsThen + 1).some(({ error }) => error === undefined);
    await expect.poll(followedByGoodTick, patience).toBe(true);

    expect([tasksFor(run).length, tasksFor(others).length]).toEqual([1, 1]);
    if (aimed !== undefined) expect(startedAt + otherAfterMs - firstRequestAtMs()).toBeLessThan(AT_ONCE_MS);
    expect(proxy.hits - hitsBefore).toBe(row.aim.times);
    const text = fn.lines.join('\n');
    const errors = fn.invocations.flatMap(({ error }) => (error === undefined ? [] : [error]));
    if (row.logged === undefined) expect(errors).toEqual([]);
    else expect(text).toMatch(row.logged);
    expect(text).not.toContain('atlasv1');
    expect(Math.max(...fn.invocations.map(({ durationMs }) => durationMs))).toBeLessThan(LAMBDA_TIMEOUT_MS);
    const ticks = fn.lines.filter((line) => line.includes('"message":"tick')).length;
    measured.push([
      name,
      whatWasLogged(fn.lines, row.logged),
      `${errors.length} of ${ticks}`,
      tasksFor(run).length,
      seconds(rightAfterMs),
      `${seconds(otherAfterMs)}${aimed === undefined ? ', fault of both pools' : ''}`,
    ]);
  } finally {
    fn.kill();
    await Promise.all([api.cancel(run, ROW_IS_OVER), otherApi.cancel(others, ROW_IS_OVER)]);
    await reset();
  }
}

/** Tries a fault of a second pool in the organization of the deployment's pool. */
async function tryPoolFault(name: string, row: PoolFaultRow, index: number): Promise<void> {
  const { fault, on, apiTokenSecret = TOKEN_SECRET } = row;
  const { pool: own, lane } = deployedPool();
  const poolName = `neighbour-${index}`;
  const { id } = await api.createPool(poolName);
  const lanes = [{ ...lane, taskDefinition: NEIGHBOUR }];
  const neighbour: AgentPoolEnvironment = { ...own, apiTokenSecret, name: poolName, id, lanes };
  const hitsBefore = platformProxy.hits;
  const target = { id, name: poolName, taskDefinition: NEIGHBOUR, apiTokenSecret };
  platformProxy.inject(fault, { on: on(target), times: 50 });
  const theirs = await queueRun(`theirs-${index}`, id);
  const ours = await queueRun(`ours-${index}`);
  const startedAt = Date.now();
  const fn = launcherOf(neighbour, own);
  try {
    await launchedOnce(ours);
    const rightAfterMs = Date.now() - startedAt;
    // The request with the fault can come later.
    await expect.poll(() => platformProxy.hits, patience).toBeGreaterThan(hitsBefore);
    expect(startedAt + rightAfterMs - firstRequestAtMs()).toBeLessThan(AT_ONCE_MS);
    platformProxy.heal();
    await launchedOnce(theirs);
    measuredApart.push([name, seconds(rightAfterMs)]);
  } finally {
    fn.kill();
    await Promise.all([ours, theirs].map((run) => api.cancel(run, ROW_IS_OVER)));
    await reset();
  }
}

it.each(FAULT_TABLE.map((row, index) => [`${row.system}: ${row.name}`, row, index] as const))(
  'a fault on the wire loses nothing, starts nothing twice and delays no other pool: %s',
  tryFault,
);

it.each(POOL_FAULT_TABLE.map((row, index) => [row.name, row, index] as const))(
  'a fault of one pool delays no other pool: %s',
  tryPoolFault,
);
