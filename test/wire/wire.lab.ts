/**
 * Faults over real HTTP and TLS: the bundle that `cdk synth` made, cold, behind a fault proxy in front of each stand-in.
 * For every row: one job is queued, the fault is on, and in the end exactly one task was launched for it.
 * With `WIRE_TABLE=file` what was measured is written there as Markdown.
 */
import { writeFile } from 'node:fs/promises';
import { ECSClient, StopTaskCommand } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ENV } from '../../functions/launcher/contract.ts';
import { type EcsServer, startEcs } from '../../local/ecs/server.ts';
import { type HcpTerraformServer, startHcpTerraform } from '../../local/hcp-terraform/server.ts';
import { archiveOf } from '../../local/start/configurations.ts';
import { createHcpApi, type HcpApi } from '../../local/start/hcp-api.ts';
import { startFunction } from '../journey/cold-function.ts';
import { type Deployment, synthesize } from '../journey/deployment.ts';
import { type FaultProxy, startFaultProxy, type WireFault } from './fault-proxy.ts';
import { FAULT_TABLE, type FaultRow } from './faults.ts';

/** As often as the stand-in's limit of 30 lists a minute allows when every row starts a cold function of its own. */
const INVOKED_EVERY_MS = 2_000;
const LAMBDA_TIMEOUT_MS = 13_000;
/** A request to HCP Terraform that hangs takes 8 s: who waits for none is served long before. */
const AT_ONCE_MS = 5_000;

let platform: HcpTerraformServer;
let aws: EcsServer;
let api: HcpApi;
let deployment: Deployment;
let archive: Buffer;
let platformProxy: FaultProxy;
let awsProxy: FaultProxy;
const measured: string[] = [];

beforeAll(async () => {
  platform = await startHcpTerraform({ organization: 'acme', agentPoolName: 'default', rateLimits: 'off' });
  aws = await startEcs({ phases: { provisionMs: 5, pullMs: 5, bootMs: 5, deprovisionMs: 5 }, closeGraceMs: 0 });
  platformProxy = await startFaultProxy({ url: platform.url, ca: platform.certPem });
  awsProxy = await startFaultProxy({ url: aws.url });
  api = createHcpApi({
    url: platform.url,
    organization: 'acme',
    token: platform.apiToken,
    certificate: platform.certPem,
  });
  archive = await archiveOf('resource "terraform_data" "it" {}\n');
  const pools = [{ name: 'default', agentTokenSecret: 'acme/agent-token', maxAgents: 5 }];
  deployment = await synthesize(
    { hostname: platformProxy.hostname, organization: 'acme', apiTokenSecret: 'acme/api-token', pools },
    (variable) => (variable === ENV.subnets ? aws.subnets.map(({ id }) => id).join(',') : aws.securityGroups.join(',')),
  );
  aws.createCluster({ clusterName: cluster() });
  aws.putSecret('acme/api-token', platform.launcherApiToken);
  aws.putSecret('acme/other-token', platform.launcherApiToken);
  for (const { family } of deployment.taskDefinitions) {
    aws.registerTaskDefinition({
      family,
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      cpu: '256',
      memory: '512',
      // Nobody takes the job: what is looked at is what the launcher launched.
      containerDefinitions: [
        { name: 'agent', image: 'busybox', essential: true, command: ['/bin/sh', '-c', 'exec sleep 600'] },
      ],
    });
  }
}, 120_000);

afterAll(async () => {
  await Promise.all([platformProxy?.close(), awsProxy?.close()]);
  await Promise.all([platform?.close(), aws?.close(), deployment?.remove(), api?.close()]);
  const table = process.env['WIRE_TABLE'];
  if (table !== undefined) await writeFile(table, `${measured.join('\n')}\n`);
});

const cluster = () => deployment.functionEnvironment[ENV.cluster] ?? '';
const patience = { timeout: 90_000, interval: 20 };

async function queueRun(workspace: string, poolId = platform.agentPool.id): Promise<string> {
  const { id: workspaceId } = await api.createWorkspace({ name: workspace, poolId });
  return api.queueRun({ workspaceId, archive, message: 'wire', planOnly: true, autoApply: false, isDestroy: false });
}

function launcher(environment: Record<string, string> = {}) {
  return startFunction(
    deployment.functionFolder,
    {
      ...deployment.functionEnvironment,
      ...environment,
      // One poll an invocation: a tick's error is the invocation's.
      [ENV.activePollSeconds]: '0',
      NODE_EXTRA_CA_CERTS: platformProxy.caFile ?? '',
      AWS_REGION: aws.region,
      AWS_ACCESS_KEY_ID: 'wire',
      AWS_SECRET_ACCESS_KEY: 'wire',
      AWS_ENDPOINT_URL: awsProxy.url,
    },
    { everyMs: INVOKED_EVERY_MS, timeoutMs: LAMBDA_TIMEOUT_MS },
  );
}

/** A task that lives on would be supply to the next row. */
async function stopAll(): Promise<void> {
  const client = new ECSClient({
    endpoint: aws.url,
    region: aws.region,
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
  });
  const live = aws.tasks(cluster()).filter(({ desiredStatus }) => desiredStatus !== 'STOPPED');
  await Promise.all(
    live.map(({ id }) => client.send(new StopTaskCommand({ cluster: cluster(), task: id, reason: 'the row is over' }))),
  );
  client.destroy();
}

/** In the words of the log: what was said of the fault, without the parts that differ from run to run. */
function whatWasLogged(lines: readonly string[], pattern: RegExp | undefined): string {
  const line = lines.find((text) => pattern?.test(text));
  if (line === undefined) return '–';
  const messages = [...line.matchAll(/"(?:message|detail)":"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text ?? '');
  return (messages.filter((text) => text !== 'tick' && text !== 'tick with errors')[0] ?? '–')
    .replaceAll(/localhost:\d+/g, 'the host')
    .replaceAll(/[, ]*request id [\w-]+/g, '')
    .replaceAll('|', '\\|');
}

describe('a fault on the wire loses nothing and starts nothing twice', () => {
  it.each(FAULT_TABLE.map((row, index) => [`${row.system}: ${row.name}`, row, index] as const))(
    '%s',
    async (name, row: FaultRow, index) => {
      const proxy = row.system === 'HCP Terraform' ? platformProxy : awsProxy;
      const hitsBefore = proxy.hits;
      proxy.inject(row.fault, row.aim);
      const run = await queueRun(`w${index}`);
      const startedAt = Date.now();
      const fn = launcher();
      try {
        const tasks = () => aws.tasks(cluster()).filter(({ startedBy }) => startedBy === `${run}/plan`);
        // Not only launched: seen by a whole, good tick after it, and not launched again by that.
        await expect.poll(() => tasks().length, patience).toBe(1);
        const rightAfterMs = Date.now() - startedAt;
        const invocationsThen = fn.invocations.length;
        await expect
          .poll(() => fn.invocations.slice(invocationsThen + 1).some(({ error }) => error === undefined), patience)
          .toBe(true);

        expect(tasks()).toHaveLength(1);
        expect(proxy.hits - hitsBefore).toBe(row.aim.times);
        const text = fn.lines.join('\n');
        if (row.logged === undefined)
          expect(fn.invocations.map(({ error }) => error)).not.toContainEqual(expect.any(String));
        else expect(text).toMatch(row.logged);
        expect(text).not.toContain('atlasv1');
        expect(Math.max(...fn.invocations.map(({ durationMs }) => durationMs))).toBeLessThan(LAMBDA_TIMEOUT_MS);
        const ticks = fn.lines.filter((line) => line.includes('"message":"tick')).length;
        const failed = fn.invocations.filter(({ error }) => error !== undefined).length;
        const seconds = (rightAfterMs / 1000).toFixed(1);
        measured.push(
          `| ${name} | ${whatWasLogged(fn.lines, row.logged)} | ${failed} of ${ticks} | ${tasks().length} | ${seconds} s |`,
        );
      } finally {
        fn.kill();
        proxy.heal();
        await api.cancel(run, 'the row is over');
        await stopAll();
      }
    },
    120_000,
  );
});

describe('a fault of one pool', () => {
  const HANG = { kind: 'hang' } as const;
  const HTML = { kind: 'answer', status: 200, body: '<html>', headers: { 'content-type': 'text/html' } } as const;

  const WAIT = { kind: 'answer', status: 429, body: '{}', headers: { 'x-ratelimit-reset': '1.5' } } as const;
  const OTHER_TOKEN = { apiTokenSecret: 'acme/other-token' };

  type Aimed = (pool: { id: string; name: string }) => string;
  const runs: Aimed = ({ name }) => `agent_pool_names%5D=${name}&`;
  const rows: readonly [string, WireFault, Aimed, { apiTokenSecret?: string }][] = [
    ['its runs never come', HANG, runs, {}],
    ['its runs are HTML', HTML, runs, {}],
    ['its runs are to be waited for (429)', WAIT, runs, {}],
    ['its agents never come', HANG, ({ id }) => `/agent-pools/${id}/agents`, {}],
    ['its id never comes', HANG, ({ id }) => `/agent-pools/${id}`, {}],
    ['what names it beside the other never comes', HANG, ({ name }) => `agent_pool_names%5D=${name}%2C`, {}],
    ['what names it beside the other is HTML', HTML, ({ name }) => `agent_pool_names%5D=${name}%2C`, {}],
    ['its runs never come, of another token', HANG, runs, OTHER_TOKEN],
    ['its runs are to be waited for (429), of another token', WAIT, runs, OTHER_TOKEN],
    ['its agents never come, of another token', HANG, ({ id }) => `/agent-pools/${id}/agents`, OTHER_TOKEN],
    ['its id never comes, of another token', HANG, ({ id }) => `/agent-pools/${id}`, OTHER_TOKEN],
  ];
  it.each(rows)(
    'delays no other pool: %s',
    async (name, fault, aimAt, token) => {
      const [own] = JSON.parse(deployment.functionEnvironment[ENV.agentPools] ?? '[]');
      const poolName = `neighbour-${name.replaceAll(/[^a-z0-9]+/g, '-')}`;
      const neighbour = await api.createPool(poolName);
      const pools = [
        { ...own, ...token, name: poolName, id: neighbour.id, lanes: [{ taskDefinition: 'neighbour' }] },
        own,
      ];
      aws.registerTaskDefinition({
        family: 'neighbour',
        requiresCompatibilities: ['FARGATE'],
        networkMode: 'awsvpc',
        cpu: '256',
        memory: '512',
        containerDefinitions: [
          { name: 'agent', image: 'busybox', essential: true, command: ['/bin/sh', '-c', 'sleep 600'] },
        ],
      });
      const hitsBefore = platformProxy.hits;
      platformProxy.inject(fault, { on: aimAt({ id: neighbour.id, name: poolName }), times: 50 });
      const theirs = await queueRun(`theirs-${poolName}`, neighbour.id);
      const ours = await queueRun(`ours-${poolName}`);
      const startedAt = Date.now();
      const fn = launcher({ [ENV.agentPools]: JSON.stringify(pools) });
      try {
        const tasksFor = (run: string) => aws.tasks(cluster()).filter(({ startedBy }) => startedBy === `${run}/plan`);
        await expect.poll(() => tasksFor(ours).length, patience).toBe(1);
        const rightAfterMs = Date.now() - startedAt;
        expect(platformProxy.hits).toBeGreaterThan(hitsBefore);
        expect(rightAfterMs).toBeLessThan(AT_ONCE_MS);
        platformProxy.heal();
        await expect.poll(() => tasksFor(theirs).length, patience).toBe(1);
        measured.push(`| one pool: ${name} | the other pool's job | ${(rightAfterMs / 1000).toFixed(1)} s |`);
      } finally {
        fn.kill();
        platformProxy.heal();
        await Promise.all([ours, theirs].map((run) => api.cancel(run, 'the row is over')));
        await stopAll();
      }
    },
    120_000,
  );
});
