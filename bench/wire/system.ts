/**
 * The deployed function and both emulators, over real HTTP and TLS: the bundle of `cdk synth` in its own process, with ECS's and HCP
 * Terraform's documented rate limits. The messages of its queue invoke it, too. By default, tasks start nothing, because the launches are
 * what the benchmark measures.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENV, type GatewayStart } from '../../functions/launcher/contract.ts';
import { VENDOR_RATES } from '../../local/ecs/core/ecs.ts';
import type { Phases } from '../../local/ecs/core/lifecycle.ts';
import type { ContainerEvents, ContainerLaunch, RunningContainer } from '../../local/ecs/core/runner.ts';
import type { MachineRunner } from '../../local/ecs/machine-runner.ts';
import { type EcsServer, startEcs } from '../../local/ecs/server.ts';
import { LocalGateway } from '../../local/gateway/local-gateway.ts';
import type { Platform } from '../../local/hcp-terraform/platform.ts';
import { createRun } from '../../local/hcp-terraform/queue.ts';
import { queuePlan, runRequest } from '../../local/hcp-terraform/runs.ts';
import { type HcpTerraformServer, startHcpTerraform } from '../../local/hcp-terraform/server.ts';
import { type EventSourceMapping, mapQueue } from '../../local/lambda/event-source-mapping.ts';
import { type Invocation, type LocalFunction, startEnvironment, startFunction } from '../../local/lambda/function.ts';
import { type Deployment, synthesize } from '../../test/journey/deployment.ts';
import { Platform as Client } from '../../test/local/hcp-terraform/client.ts';
import { failedTick } from './tick-line.ts';
import { waited } from './wait.ts';

const API_TOKEN_SECRET = 'acme/api-token';
export const HMAC_KEY_SECRET = 'acme/nudge-key';
const POOL = 'default';
const ORGANIZATION = 'acme';

/** A Fargate task's start. The launcher waits for it like for a real one. */
export const PHASES: Phases = { provisionMs: 10_000, pullMs: 20_000, bootMs: 1_000, deprovisionMs: 1_000 };

/** Node's channels for every HTTP server of this process: https://nodejs.org/docs/latest-v24.x/api/diagnostics_channel.html#http */
const REQUEST_STARTS = 'http.server.request.start';
const RESPONSE_ENDS = 'http.server.response.finish';

/** A gateway is awake within this time. */
const WAKE_MS = 30_000;

/** Lambda's schedule, time limit, and limit of concurrent invocations by messages, as deployed. */
const EVERY_MS = 60_000;
const TIMEOUT_MS = 58_000;
const MESSAGES_CONCURRENCY = 2;

/** The queue of wake-ups, in seconds, as deployed. */
const WAKE_UPS = { visibilityTimeout: 60, messageRetentionPeriod: 120 };

/** The heap that Node uses with the function's 256 MiB of memory, as in `labs/soak`. Without these flags, Node would choose a heap for this machine's memory. */
const HEAP = '--max-old-space-size=96 --max-semi-space-size=4';

/** Synthesizes the stack once, with placeholders for the addresses of the emulators. */
export function deploy(maxAgents: number): Promise<Deployment> {
  const pools = [{ name: POOL, agentTokenSecret: 'acme/agent-token', maxAgents }];
  const hostname = 'localhost:8443';
  const nudge = { hmacKeySecret: HMAC_KEY_SECRET };
  return synthesize({ hostname, organization: ORGANIZATION, apiTokenSecret: API_TOKEN_SECRET, pools, nudge }, () => '');
}

export interface SystemOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly everyMs?: number;
  readonly phases?: Phases;
  /** The gateway of the egress mode `on-demand`, which sleeps at first. Absent: tasks need none. */
  readonly gateway?: GatewayStart;
  /** Runs the tasks. Default: they do nothing until they are stopped. */
  readonly runner?: (client: Client) => MachineRunner;
}

/** A launched task: the job for which it was launched, and when. */
export interface Launched {
  readonly job: string;
  readonly atMs: number;
}

/** What the function's process has used since its start. */
export interface Use {
  readonly cpuSeconds: number;
  /** The largest resident memory so far. */
  readonly peakMiB: number;
}

export class System {
  readonly launched: Launched[] = [];
  /** Tasks that became RUNNING. */
  readonly running: Launched[] = [];
  readonly invocations: (Invocation & { readonly endedAtMs: number })[] = [];
  /** One entry per tick, with what the process had used by its end. */
  readonly ticks: ({ readonly atMs: number; readonly failed: boolean } & Use)[] = [];
  /** Requests of the function to HCP Terraform, by kind. */
  readonly hcpRequests = { runLists: 0, others: 0, tooMany: 0 };
  /** A user of HCP Terraform who has all permissions. */
  readonly client: Client;
  readonly deployment: Deployment;
  /** Environment with which a function finds the emulators. */
  readonly environment: Readonly<Record<string, string>>;
  readonly wakeUpsUrl: string;
  readonly workspaceId: string;
  readonly #platform: HcpTerraformServer;
  readonly #aws: EcsServer;
  readonly #launcher: LocalFunction;
  readonly #mapping: EventSourceMapping;
  readonly #gateway: LocalGateway | undefined;
  #hasEnded = false;
  #lastUse: Use = { cpuSeconds: 0, peakMiB: 0 };

  private constructor(parts: {
    client: Client;
    aws: EcsServer;
    workspaceId: string;
    deployment: Deployment;
    options: SystemOptions;
  }) {
    const { client, aws, deployment, options } = parts;
    const platform = client.server;
    const wakeUps = aws.createQueue('wake-ups', WAKE_UPS);
    this.client = client;
    this.deployment = deployment;
    this.environment = {
      NODE_EXTRA_CA_CERTS: platform.caFile,
      AWS_REGION: aws.region,
      AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
      AWS_ENDPOINT_URL: aws.url,
    };
    this.wakeUpsUrl = wakeUps.url;
    this.workspaceId = parts.workspaceId;
    this.#platform = platform;
    this.#aws = aws;
    const known = new Set<string>();
    const running = new Set<string>();
    if (options.gateway !== undefined) this.#gateway = new LocalGateway(aws, { stack: 'bench' });
    aws.onTaskChange(({ id, startedBy = '', lastStatus }) => {
      const change = { job: startedBy, atMs: Date.now() };
      if (lastStatus === 'RUNNING' && !running.has(id)) this.running.push(change);
      if (lastStatus === 'RUNNING') running.add(id);
      if (!known.has(id)) this.launched.push(change);
      known.add(id);
    });
    subscribe(REQUEST_STARTS, this.#counted);
    subscribe(RESPONSE_ENDS, this.#answered);
    const { functionFolder, functionEnvironment } = deployment;
    const settings = {
      module: `${functionFolder}/index.mjs`,
      environment: {
        AWS_LAMBDA_FUNCTION_NAME: 'bench',
        ...functionEnvironment,
        NODE_OPTIONS: `${functionEnvironment['NODE_OPTIONS'] ?? ''} ${HEAP}`,
        [ENV.hostname]: platform.hostname,
        [ENV.subnets]: aws.subnets.map(({ id }) => id).join(','),
        [ENV.securityGroups]: aws.securityGroups.join(','),
        [ENV.wakeUpsQueueUrl]: wakeUps.url,
        ...this.environment,
        ...this.#gateway?.variables(options.gateway),
        ...options.environment,
      },
      everyMs: options.everyMs ?? EVERY_MS,
      timeoutMs: TIMEOUT_MS,
      onLine: (line: string) => this.#logged(line),
      onInvocation: (invocation: Invocation) => this.invocations.push({ ...invocation, endedAtMs: Date.now() }),
    };
    this.#launcher = startFunction(settings, () => {
      this.#hasEnded = true;
    });
    this.#mapping = mapQueue({
      queue: wakeUps.queue,
      invoke: (event) => this.#launcher.invoke(event),
      maxConcurrency: MESSAGES_CONCURRENCY,
      region: aws.region,
    });
  }

  static async start(deployment: Deployment, options: SystemOptions = {}): Promise<System> {
    const platform = await startHcpTerraform({ organization: ORGANIZATION, agentPoolName: POOL });
    const client = new Client(platform);
    const { phases = PHASES, runner = () => new NoContainers() } = options;
    const aws = await startEcs({ rates: VENDOR_RATES, phases, closeGraceMs: 0, runner: async () => runner(client) });
    const workspaceId = await createWorkspace(client, 'bench');
    aws.createCluster({ clusterName: deployment.functionEnvironment[ENV.cluster] ?? '' });
    aws.putSecret(API_TOKEN_SECRET, platform.launcherApiToken);
    for (const { family, cpu, memory } of deployment.taskDefinitions) {
      aws.registerTaskDefinition({
        family,
        requiresCompatibilities: ['FARGATE'],
        networkMode: 'awsvpc',
        cpu,
        memory,
        containerDefinitions: [{ name: 'agent', image: 'agent', essential: true }],
      });
    }
    return new System({ client, aws, workspaceId, deployment, options });
  }

  /** Queues speculative plans, which don't wait for each other. The API would allow only a few per second. @returns their ids */
  queue(count: number): string[] {
    return Array.from({ length: count }, () => this.#queueRun(this.workspaceId, { planOnly: true }));
  }

  /** Queues one run in each of several new workspaces. Its apply needs no confirmation. @returns the runs' ids */
  async queueAutoApplied(count: number): Promise<string[]> {
    const workspaces = [];
    for (let n = 0; n < count; n += 1) workspaces.push(await createWorkspace(this.client, `auto-apply-${n}`));
    return workspaces.map((id) => this.#queueRun(id, { autoApply: true }));
  }

  #queueRun(workspaceId: string, request: { readonly planOnly?: boolean; readonly autoApply?: boolean }): string {
    const platform = this.#rules();
    const workspace = platform.world.workspaces.get(workspaceId);
    if (workspace === undefined) throw new Error(`There is no workspace ${workspaceId}`);
    const version = {
      id: `cv-bench-${platform.world.configurationVersions.size}`,
      workspaceId,
      createdAt: 0,
      createdById: '',
      autoQueueRuns: false,
      speculative: request.planOnly ?? false,
      provisional: false,
    };
    const by = { userId: '', source: 'tfe-api' };
    const run = createRun(platform, workspace, version, by, runRequest.parse(request));
    queuePlan(run, platform.now());
    return run.id;
  }

  /** Starts the gateway, as an earlier job would have. Resolves when it is awake. */
  async wakeGateway(): Promise<void> {
    const gateway = this.#gateway;
    if (gateway?.instanceId === undefined) throw new Error('There is no gateway');
    gateway.wake();
    if (!(await waited(WAKE_MS, () => gateway.phase === 'awake'))) throw new Error(`The gateway is ${gateway.phase}`);
  }

  /** When the run entered a status, such as `planned-at`, in milliseconds since the epoch; `undefined` if it didn't. */
  timestampOf(run: string, name: string): number | undefined {
    return this.#platform.world.runs.get(run)?.timestamps.get(name);
  }

  createdAt(run: string): number | undefined {
    return this.#platform.world.runs.get(run)?.createdAt;
  }

  putSecret(name: string, value: string): void {
    this.#aws.putSecret(name, value);
  }

  #rules(): Platform {
    const settings = {
      agentPollMs: 1_000,
      agentUnknownAfterMs: 60_000,
      agentErroredAfterMs: 300_000,
      forceCancelCoolOffMs: 0,
      terraformVersion: '1.11.4',
    };
    return { world: this.#platform.world, settings, now: Date.now, emit: () => {} };
  }

  /** The function's calls to AWS, and those that ECS throttled. The emulator remembers the last 10,000. */
  awsCalls(): { readonly all: number; readonly throttled: number } {
    const calls = this.#aws.calls();
    return { all: calls.length, throttled: calls.filter(({ error }) => error === 'ThrottlingException').length };
  }

  async close(): Promise<void> {
    unsubscribe(REQUEST_STARTS, this.#counted);
    unsubscribe(RESPONSE_ENDS, this.#answered);
    this.#gateway?.close();
    this.#mapping.stop();
    await this.#launcher.stop();
    // The client's close ends the platform, too.
    await Promise.all([this.client.close(), this.#aws.close()]);
  }

  readonly #counted = (message: unknown): void => {
    const { request } = exchangeOf(message);
    if (request?.socket.localPort !== this.#platform.port) return;
    if (/\/runs\?/.test(request.url ?? '')) this.hcpRequests.runLists += 1;
    else this.hcpRequests.others += 1;
  };

  readonly #answered = (message: unknown): void => {
    const { request, response } = exchangeOf(message);
    if (request?.socket.localPort === this.#platform.port && response?.statusCode === 429)
      this.hcpRequests.tooMany += 1;
  };

  #logged(line: string): void {
    const failed = failedTick(line);
    if (failed !== undefined) this.ticks.push({ atMs: Date.now(), failed, ...this.use() });
  }

  /** Whether the function's process has ended, for example because its heap is full. */
  get ended(): boolean {
    return this.#hasEnded;
  }

  /** If the process has ended, its last known use. */
  use(): Use {
    if (!this.ended) this.#lastUse = useOf(this.#launcher.pid() ?? 0);
    return this.#lastUse;
  }
}

function createWorkspace(client: Client, name: string): Promise<string> {
  return client.workspace(name, { 'execution-mode': 'agent', 'agent-pool-id': client.server.agentPool.id });
}

/** The request and the response in a message of Node's channels. */
function exchangeOf(message: unknown): { readonly request?: IncomingMessage; readonly response?: ServerResponse } {
  if (typeof message !== 'object' || message === null) return {};
  return {
    ...('request' in message && message.request instanceof IncomingMessage && { request: message.request }),
    ...('response' in message && message.response instanceof ServerResponse && { response: message.response }),
  };
}

/** What a process has used since its start. Linux only. */
function useOf(pid: number): Use {
  // The name of the program, in parentheses, can contain spaces. Fields 14 and 15 are the user's and the system's time.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const [, peak] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return { cpuSeconds: ticks / CLOCK_TICKS_PER_SECOND, peakMiB: Number(peak) / 1024 };
}

/** The memory of a function that does nothing, which is that of Node and of the emulator's host. */
export async function emptyFunctionMiB(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'agent-launcher-bench-'));
  const module = join(folder, 'index.mjs');
  await writeFile(module, 'export const handler = async () => {};\n');
  try {
    return await new Promise((resolve, reject) => {
      const child = startEnvironment({
        module,
        environment: { NODE_OPTIONS: `--enable-source-maps ${HEAP}` },
        everyMs: EVERY_MS,
        timeoutMs: TIMEOUT_MS,
        onLine: () => {},
        onInvocation: () => {
          resolve(useOf(child.pid ?? 0).peakMiB);
          child.kill('SIGKILL');
        },
      });
      child.once('close', () => reject(new Error('The empty function ended')));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `sysconf(_SC_CLK_TCK)`: 100 on all of Node's Linux platforms. */
const CLOCK_TICKS_PER_SECOND = 100;

/** Containers that do nothing until they are stopped. */
class NoContainers implements MachineRunner {
  pull(image: string, done: (result: { readonly digest: string }) => void): void {
    done({ digest: `sha256:${image}` });
  }

  start(_: ContainerLaunch, events: ContainerEvents): RunningContainer {
    setImmediate(() => events.started());
    return { signal: (name) => void setImmediate(() => events.exited(name === 'SIGTERM' ? 143 : 137)) };
  }

  cleanUp(): void {}

  async close(): Promise<void> {}

  killAll(): void {}
}
