/**
 * The complete path with the parts that users deploy.
 *
 * The function is the asset of `cdk synth`, in a cold process. It talks to the emulators of HCP Terraform and ECS over HTTP. A task runs
 * its own entry point, and its agent runs the real Terraform if this machine has it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ENV, METRICS } from '../../functions/launcher/contract.ts';
import { taskEndedLine } from '../../functions/launcher/log-lines.ts';
import { packageVersion } from '../../lib/version.ts';
import { agentImage } from '../../local/ecs/agent-image.ts';
import { type EcsServer, startEcs } from '../../local/ecs/server.ts';
import { type HcpTerraformServer, startHcpTerraform } from '../../local/hcp-terraform/server.ts';
import { startFunction as startLocalFunction } from '../../local/lambda/function.ts';
import { archiveOf } from '../../local/start/configurations.ts';
import { HcpApi } from '../../local/start/hcp-api.ts';
import { type ColdFunction, startFunction } from './cold-function.ts';
import { type Deployment, synthesize } from './deployment.ts';

const IMAGE = 'hashicorp/tfc-agent';
const AGENT_TOKEN = 'acme/default/agent-token';
const NOBODYS_POOL = '[{"name":"nobodys","maxAgents":1,"lanes":[{"taskDefinition":"x"}]}]';
let platform: HcpTerraformServer;
let aws: EcsServer;
let api: HcpApi;
let deployment: Deployment;
const functions: ColdFunction[] = [];

beforeAll(async () => {
  platform = await startHcpTerraform({ organization: 'acme', agentPoolName: 'default', agentPollMs: 200 });
  const phases = { provisionMs: 20, pullMs: 20, bootMs: 20, deprovisionMs: 20 };
  aws = await startEcs({ images: agentImage(IMAGE), phases });
  const { url, apiToken: token, certPem: certificate } = platform;
  api = new HcpApi({ url, organization: 'acme', token, certificate });
  const pools = [{ name: 'default', agentTokenSecret: AGENT_TOKEN, maxAgents: 3 }];
  const context = { hostname: platform.hostname, organization: 'acme', apiTokenSecret: 'acme/api-token', pools };
  deployment = await synthesize(context, (variable) =>
    variable === ENV.subnets ? aws.subnets.map(({ id }) => id).join(',') : aws.securityGroups.join(','),
  );

  aws.createCluster({ clusterName: deployment.functionEnvironment[ENV.cluster] ?? '' });
  aws.putSecret('acme/api-token', platform.launcherApiToken);
  const agentToken = aws.putSecret(AGENT_TOKEN, platform.agentPool.token);
  for (const { stopTimeout, environment, secretNames, ...size } of deployment.taskDefinitions) {
    aws.registerTaskDefinition({
      ...size,
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
      containerDefinitions: [
        {
          name: 'agent',
          image: IMAGE,
          essential: true,
          stopTimeout,
          environment: [...environment, { name: 'SSL_CERT_FILE', value: platform.caFile }],
          secrets: secretNames.map((name) => ({ name, valueFrom: agentToken })),
        },
      ],
    });
  }
}, 120_000);

afterAll(async () => {
  for (const one of functions) one.kill();
  await Promise.all([platform?.close(), aws?.close(), deployment?.remove()]);
});

function environmentWith(overrides: Record<string, string>): Record<string, string> {
  return {
    ...deployment.functionEnvironment,
    NODE_EXTRA_CA_CERTS: platform.caFile,
    AWS_REGION: aws.region,
    AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    AWS_ENDPOINT_URL: aws.url,
    ...overrides,
  };
}

/** A new execution environment of the deployed function. */
function coldFunction(overrides: Record<string, string> = {}, timing = {}): ColdFunction {
  const started = startFunction(deployment.functionFolder, environmentWith(overrides), timing);
  functions.push(started);
  return started;
}

const patience = { timeout: 60_000, interval: 50 };
const logged = (one: ColdFunction) =>
  one.lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as Record<string, unknown>];
    } catch {
      return [];
    }
  });
const ticks = (one: ColdFunction) => logged(one).filter(({ message }) => String(message).startsWith('tick'));
const metric = (one: ColdFunction, name: string) =>
  logged(one).flatMap((line) => ('_aws' in line && name in line ? [Number(line[name])] : []));
const actions = () => aws.calls().map(({ action }) => action);

describe('the deployed launcher', () => {
  it('makes one request for the list of runs and one ECS call per idle invocation, and returns quickly', async () => {
    const before = actions().length;
    const idle = coldFunction({}, { everyMs: 3000 });
    await expect.poll(() => idle.invocations.length, patience).toBe(2);
    idle.kill();
    for (const { error, durationMs } of idle.invocations) {
      expect(error).toBeUndefined();
      expect(durationMs).toBeLessThan(10_000);
    }
    // The first invocation also reads the API token, and lists the tasks that stopped before the function began.
    expect(actions().slice(before).sort()).toEqual(['GetSecretValue', 'ListTasks', 'ListTasks', 'ListTasks']);
    expect(ticks(idle)).toMatchObject([
      { version: packageVersion(), pools: [{ pool: 'default', queued: 0, running: 0 }] },
      { pools: [{ pool: 'default', queued: 0, running: 0 }] },
    ]);
  });

  it('reports the days until its API token expires', async () => {
    const user = [...platform.world.users.values()].find(({ apiToken }) => apiToken === platform.launcherApiToken);
    if (user === undefined) throw new Error('HCP Terraform has no user with the token of the launcher.');
    user.apiTokenExpiresAt = Date.now() + 9.5 * 86_400_000;
    const reporting = coldFunction({}, { everyMs: 3000 });
    await expect.poll(() => reporting.invocations.length, patience).toBe(2);
    reporting.kill();
    delete user.apiTokenExpiresAt;
    expect(reporting.invocations.map(({ error }) => error)).toEqual([undefined, undefined]);
    expect(metric(reporting, METRICS.apiTokenDaysLeft)).toEqual([9]);
    const lines = logged(reporting).filter(({ message }) => message === 'API token expiry');
    expect(lines).toMatchObject([{ level: 'INFO', secret: 'acme/api-token', pools: ['default'], daysLeft: 9 }]);
  });

  it('starts one agent for the plan of a run and one for its apply, and both tasks stop', async () => {
    const { id: workspaceId } = await api.createWorkspace({ name: 'network', poolId: platform.agentPool.id });
    const run = await api.queueRun({
      workspaceId,
      archive: await archiveOf(`resource "terraform_data" "it" {\n  input = "journey"\n}\n`),
      message: 'journey',
      planOnly: false,
      autoApply: true,
      isDestroy: false,
    });
    const launcher = coldFunction({ [ENV.activePollSeconds]: '1' }, { everyMs: 3000 });

    await expect.poll(() => platform.world.runs.get(run)?.status, patience).toBe('applied');
    const tasks = () => aws.tasks(deployment.functionEnvironment[ENV.cluster]);
    await expect.poll(() => tasks().map(({ lastStatus }) => lastStatus), patience).toEqual(['STOPPED', 'STOPPED']);
    const ended = () => logged(launcher).filter(({ message }) => message === 'task ended');
    await expect.poll(() => ended().length, patience).toBe(2);
    launcher.kill();

    expect(ended().map((line) => taskEndedLine.parse(line))).toMatchObject(
      ['plan', 'apply'].map((phase, n) => ({
        task: tasks()[n]?.id,
        launchedFor: `${run}/${phase}`,
        run,
        workspace: workspaceId,
        phase,
        pool: 'default',
        outcome: 'ended',
        capacity: 'on-demand',
        seconds: { launching: expect.any(Number), pulling: expect.any(Number), billed: 60 },
        dollars: expect.closeTo(0.04937 / 60, 6),
      })),
    );
    expect(metric(launcher, METRICS.taskSeconds)).toHaveLength(2);

    expect(tasks().map(({ startedBy }) => startedBy)).toEqual([`${run}/plan`, `${run}/apply`]);
    expect(tasks().map(({ containers }) => containers[0]?.exitCode)).toEqual([0, 0]);
    const agents = [...platform.world.agents.values()];
    expect(agents.map(({ name, reported }) => [name, reported])).toEqual(tasks().map(({ id }) => [id, 'exited']));
    const launches = ticks(launcher).flatMap(
      ({ pools }) => (pools as { launches?: { job: string }[] }[])[0]?.launches ?? [],
    );
    expect(launches).toMatchObject([
      { job: `${run}/plan`, outcome: 'launched', task: tasks()[0]?.id },
      { job: `${run}/apply`, outcome: 'launched', task: tasks()[1]?.id },
    ]);
    expect(metric(launcher, METRICS.launches).reduce((a, b) => a + b, 0)).toBe(2);
    expect(metric(launcher, METRICS.failedTicks)).toEqual([]);
    expect(metric(launcher, METRICS.runListRequests).length).toBeGreaterThan(0);
  });

  it.each([
    ['a wrong API token', { API_TOKEN_SECRET: AGENT_TOKEN }, /secret acme\/default\/agent-token was rejected/],
    ['a missing secret', { API_TOKEN_SECRET: 'acme/nothing' }, /secret acme\/nothing cannot be read.*create it/],
    ['a missing pool', { AGENT_POOLS: NOBODYS_POOL }, /no agent pool named "nobodys" in organization "acme"/],
    [
      'a missing organization',
      { HCP_TERRAFORM_ORGANIZATION: 'nobody' },
      /not found, or the API token is not allowed to see it/,
    ],
    ['a missing host', { HCP_TERRAFORM_HOSTNAME: 'localhost:1' }, /connection was refused/],
    ['wrong variables', { HCP_TERRAFORM_HOSTNAME: 'https://x', TASK_SUBNETS: '' }, /has 2 fault\(s\)/],
  ])('fails with a remedy because of %s, and launches nothing', async (_, overrides, message) => {
    const launched = actions().filter((action) => action === 'RunTask').length;
    const wrong = coldFunction(overrides);
    await expect.poll(() => wrong.invocations.length, patience).toBe(1);
    expect(wrong.invocations[0]?.error).toMatch(message);
    expect(actions().filter((action) => action === 'RunTask')).toHaveLength(launched);
  });

  it('sends itself one delayed message if it ends idle and idlePollSeconds is below 60', async () => {
    const { queue, url } = aws.createQueue('wake-ups', { visibilityTimeout: 60, messageRetentionPeriod: 120 });
    const idle = coldFunction({ [ENV.idlePollSeconds]: '5', [ENV.wakeUpsQueueUrl]: url });
    await expect
      .poll(() => aws.calls().filter(({ action }) => action === 'SendMessage'), patience)
      .toMatchObject([{ status: 200 }]);
    const sentAt = Date.now();
    expect(queue.receive()).toEqual([]);
    await expect
      .poll(() => queue.receive().map(({ body }) => JSON.parse(body)), patience)
      .toEqual([{ kind: 'poll', untilMs: expect.any(Number) }]);
    expect(Date.now() - sentAt).toBeGreaterThan(3_000);
    expect(idle.invocations[0]?.error).toBeUndefined();
  });

  it('serves the run of a nudge at once, although the batch also contains forged nudges', async () => {
    const lines: string[] = [];
    const nudged = startLocalFunction(
      {
        module: `${deployment.functionFolder}/index.mjs`,
        environment: environmentWith({}),
        everyMs: 0,
        timeoutMs: 12_000,
        onLine: (line) => lines.push(line),
        onInvocation: () => undefined,
      },
      () => undefined,
    );
    const { id: workspaceId } = await api.createWorkspace({ name: 'nudged', poolId: platform.agentPool.id });
    const archive = await archiveOf('resource "terraform_data" "it" {}\n');
    const options = { message: 'nudged', planOnly: true, autoApply: false, isDestroy: false };
    const run = await api.queueRun({ workspaceId, archive, ...options });
    const bodies = ['{', '{"kind":"nudge","runId":"run-forged"}', JSON.stringify({ kind: 'nudge', runId: run })];
    expect(await nudged.invoke({ Records: bodies.map((body) => ({ body })) })).toBeUndefined();
    await nudged.stop();
    const tasks = aws.tasks(deployment.functionEnvironment[ENV.cluster]);
    expect(tasks.filter(({ startedBy }) => startedBy === `${run}/plan`)).toHaveLength(1);
    expect(lines.filter((line) => line.includes('"level":"ERROR"'))).toEqual([]);
    expect(lines.join('\n')).not.toContain(platform.launcherApiToken);
    // Only scheduled invocations read the expiry of the API token.
    expect(lines.join('\n')).not.toContain('API token expiry');
  });

  it('no token is in any log line', () => {
    const text = functions.flatMap(({ lines }) => lines).join('\n');
    for (const token of [platform.launcherApiToken, platform.agentPool.token, 'atlasv1']) {
      expect(text).not.toContain(token);
    }
  });
});
