/**
 * The deployed function and both emulators, over real HTTP and TLS: the bundle of `cdk synth` in its own process, with ECS's and HCP
 * Terraform's documented rate limits. Tasks start nothing, because the launches are what the benchmark measures.
 */
import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENV } from '../../functions/launcher/contract.ts';
import { VENDOR_RATES } from '../../local/ecs/core/ecs.ts';
import type { Phases } from '../../local/ecs/core/lifecycle.ts';
import type { ContainerEvents, ContainerLaunch, RunningContainer } from '../../local/ecs/core/runner.ts';
import type { MachineRunner } from '../../local/ecs/machine-runner.ts';
import { type EcsServer, startEcs } from '../../local/ecs/server.ts';
import type { Platform } from '../../local/hcp-terraform/platform.ts';
import { createRun, runMoved } from '../../local/hcp-terraform/queue.ts';
import { cancel, queuePlan, runRequest } from '../../local/hcp-terraform/runs.ts';
import { type HcpTerraformServer, startHcpTerraform } from '../../local/hcp-terraform/server.ts';
import type { Workspace } from '../../local/hcp-terraform/world.ts';
import { type Invocation, startEnvironment } from '../../local/lambda/function.ts';
import { HcpApi } from '../../local/start/hcp-api.ts';
import { type Deployment, synthesize } from '../../test/journey/deployment.ts';

const API_TOKEN_SECRET = 'acme/api-token';
const POOL = 'default';
const ORGANIZATION = 'acme';

/** A Fargate task's start. The launcher waits for it like for a real one. */
const PHASES: Phases = { provisionMs: 10_000, pullMs: 20_000, bootMs: 1_000, deprovisionMs: 1_000 };

/** Node's channels for every HTTP server of this process: https://nodejs.org/docs/latest-v24.x/api/diagnostics_channel.html#http */
const REQUEST_STARTS = 'http.server.request.start';
const RESPONSE_ENDS = 'http.server.response.finish';

/** Lambda's schedule and time limit, as deployed. */
const EVERY_MS = 60_000;
const TIMEOUT_MS = 55_000;

/** The heap that Node uses with the function's 256 MiB of memory, as in `labs/soak`. With this machine's memory, it would be larger. */
const HEAP = '--max-old-space-size=96 --max-semi-space-size=4';

/** Synthesizes the stack once, with placeholders for the addresses of the emulators. */
export function deploy(maxAgents: number): Promise<Deployment> {
  const pools = [{ name: POOL, agentTokenSecret: 'acme/agent-token', maxAgents }];
  const hostname = 'localhost:8443';
  return synthesize({ hostname, organization: ORGANIZATION, apiTokenSecret: API_TOKEN_SECRET, pools }, () => '');
}

export interface SystemOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly everyMs?: number;
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
  readonly invocations: (Invocation & { readonly endedAtMs: number })[] = [];
  /** One entry per tick, with what the process had used by its end. */
  readonly ticks: ({ readonly atMs: number; readonly failed: boolean } & Use)[] = [];
  /** Requests of the function to HCP Terraform, by kind. */
  readonly hcpRequests = { runLists: 0, others: 0, tooMany: 0 };
  readonly #platform: HcpTerraformServer;
  readonly #aws: EcsServer;
  readonly #workspace: Workspace;
  readonly #child: ChildProcess;
  #lastUse: Use = { cpuSeconds: 0, peakMiB: 0 };
  readonly #api: HcpApi;

  private constructor(parts: {
    platform: HcpTerraformServer;
    aws: EcsServer;
    workspace: Workspace;
    api: HcpApi;
    deployment: Deployment;
    options: SystemOptions;
  }) {
    const { platform, aws, deployment, options } = parts;
    this.#platform = platform;
    this.#aws = aws;
    this.#workspace = parts.workspace;
    this.#api = parts.api;
    const known = new Set<string>();
    aws.onTaskChange(({ id, startedBy = '' }) => {
      if (known.has(id)) return;
      known.add(id);
      this.launched.push({ job: startedBy, atMs: Date.now() });
    });
    subscribe(REQUEST_STARTS, this.#counted);
    subscribe(RESPONSE_ENDS, this.#answered);
    const { functionFolder, functionEnvironment } = deployment;
    this.#child = startEnvironment({
      module: `${functionFolder}/index.mjs`,
      environment: {
        AWS_LAMBDA_FUNCTION_NAME: 'bench',
        NODE_OPTIONS: `--enable-source-maps ${HEAP}`,
        ...functionEnvironment,
        [ENV.hostname]: platform.hostname,
        [ENV.subnets]: aws.subnets.map(({ id }) => id).join(','),
        [ENV.securityGroups]: aws.securityGroups.join(','),
        NODE_EXTRA_CA_CERTS: platform.caFile,
        AWS_REGION: aws.region,
        AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
        AWS_ENDPOINT_URL: aws.url,
        ...options.environment,
      },
      everyMs: options.everyMs ?? EVERY_MS,
      timeoutMs: TIMEOUT_MS,
      onLine: (line) => this.#logged(line),
      onInvocation: (invocation) => this.invocations.push({ ...invocation, endedAtMs: Date.now() }),
    });
  }

  static async start(deployment: Deployment, options: SystemOptions = {}): Promise<System> {
    const platform = await startHcpTerraform({ organization: ORGANIZATION, agentPoolName: POOL });
    const aws = await startEcs({
      rates: VENDOR_RATES,
      phases: PHASES,
      closeGraceMs: 0,
      runner: async () => new NoContainers(),
    });
    const user = { url: platform.url, token: platform.apiToken, certificate: platform.certPem };
    const api = new HcpApi({ ...user, organization: ORGANIZATION });
    const { id } = await api.createWorkspace({ name: 'bench', poolId: platform.agentPool.id });
    const workspace = platform.world.workspaces.get(id);
    if (workspace === undefined) throw new Error('The workspace was not created');
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
    return new System({ platform, aws, workspace, api, deployment, options });
  }

  /** Queues speculative plans, which don't wait for each other. The API would allow only a few per second. @returns their ids */
  queue(count: number): string[] {
    const platform = this.#rules();
    const version = {
      id: `cv-bench-${this.#platform.world.configurationVersions.size}`,
      workspaceId: this.#workspace.id,
      createdAt: 0,
      createdById: '',
      autoQueueRuns: false,
      speculative: true,
      provisional: false,
    };
    return Array.from({ length: count }, () => {
      const by = { userId: '', source: 'tfe-api' };
      const run = createRun(platform, this.#workspace, version, by, runRequest.parse({ planOnly: true }));
      queuePlan(run, platform.now());
      return run.id;
    });
  }

  /** Cancels the run, so that its job is no longer queued. */
  cancel(id: string): void {
    const platform = this.#rules();
    const run = platform.world.runs.get(id);
    if (run === undefined) throw new Error(`There is no run ${id}`);
    cancel(run, '', platform.now(), 0);
    runMoved(platform, run);
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
    this.#child.kill('SIGKILL');
    await Promise.all([this.#platform.close(), this.#aws.close(), this.#api.close()]);
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
    const tick = /"message":"tick( with errors)?"/.exec(line);
    if (tick !== null) this.ticks.push({ atMs: Date.now(), failed: tick[1] !== undefined, ...this.use() });
  }

  /** Whether the function's process has ended, for example because its heap is full. */
  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** If the process has ended, its last known use. */
  use(): Use {
    if (!this.ended) this.#lastUse = useOf(this.#child.pid ?? 0);
    return this.#lastUse;
  }
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
