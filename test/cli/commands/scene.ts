/**
 * Arranges the local system without a launcher: runs in HCP Terraform, tasks in ECS, and the lines that the launcher and the agents would
 * have logged. Each scene has its own workspace, and begins with an empty log of the launcher.
 */
import { ECSClient, RunTaskCommand } from '@aws-sdk/client-ecs';
import { GetScheduleCommand, SchedulerClient, UpdateScheduleCommand } from '@aws-sdk/client-scheduler';
import { request } from 'undici';
import { ENV } from '../../../functions/launcher/contract.ts';
import type { PoolLine, TaskEndedLine } from '../../../functions/launcher/log-lines.ts';
import type { AgentPoolEnvironment } from '../../../functions/launcher/pool-environment.ts';
import { launcherFunction, launcherLogGroup } from '../../../lib/names.ts';
import type { Phases } from '../../../local/ecs/core/lifecycle.ts';
import { newId } from '../../../local/hcp-terraform/ids.ts';
import { queueApply, startOperation } from '../../../local/hcp-terraform/runs.ts';
import { LAUNCHER, taskDefinition } from '../../../local/start/task-definition.ts';
import { until } from '../../processes.ts';
import { type RunResult, startSystem, type TestSystem } from '../system.ts';

export const POOL = 'production';
const GROUP = launcherLogGroup(LAUNCHER);
const FUNCTION = launcherFunction(LAUNCHER);
const FAST: Phases = { provisionMs: 1, pullMs: 1, bootMs: 1, deprovisionMs: 1 };
const NEVER_MS = 100_000_000;

/** Where a task stays. */
const STOPS = {
  provisioning: { ...FAST, provisionMs: NEVER_MS },
  pulling: { ...FAST, pullMs: NEVER_MS },
  running: FAST,
};

type Launch = NonNullable<PoolLine['launches']>[number];

export class Stage {
  readonly system: TestSystem;
  readonly #phases: { current: Phases };
  readonly #environment: Readonly<Record<string, string>>;
  #scenes = 0;

  private constructor(system: TestSystem, phases: { current: Phases }) {
    this.system = system;
    this.#phases = phases;
    const { AWS_REGION: _, ...environment } = system.world.launcherEnvironment;
    this.#environment = environment;
  }

  static async open(): Promise<Stage> {
    const phases = { current: FAST };
    const system = await startSystem({
      launcher: false,
      rateLimits: 'off',
      pools: [
        { name: POOL, maxAgents: 4 },
        { name: 'unserved', maxAgents: 4 },
      ],
      aws: { phases: () => phases.current },
    });
    const { ecs } = system;
    ecs.registerImage('local/sleeper', { entryPoint: ['/bin/sh', '-c', 'sleep 600'] });
    ecs.registerImage('local/failing', { entryPoint: ['/bin/sh', '-c', 'exit 1'] });
    const stage = new Stage(system, phases);
    stage.serve();
    return stage;
  }

  close(): Promise<void> {
    return this.system.close();
  }

  /** The pools of the launcher's environment, and other variables. Default: only the first pool, with one lane. */
  serve(
    change: (pool: AgentPoolEnvironment) => AgentPoolEnvironment = (pool) => pool,
    variables: Readonly<Record<string, string>> = {},
  ): void {
    const pools: AgentPoolEnvironment[] = JSON.parse(this.#environment[ENV.agentPools] ?? '[]');
    const served = pools.filter(({ name }) => name === POOL).map(change);
    const environment = { ...this.#environment, ...variables, [ENV.agentPools]: JSON.stringify(served) };
    this.system.ecs.aws.functions.change(FUNCTION, { environment });
  }

  /** Begins a scene with a workspace and a run that is queued for a plan. */
  async scene({
    pool = POOL,
    planOnly = false,
  }: {
    readonly pool?: string;
    readonly planOnly?: boolean;
  } = {}): Promise<Scene> {
    this.#scenes += 1;
    const { store } = this.system.ecs.aws.logs;
    store.deleteGroup(GROUP);
    store.createGroup(GROUP, 30);
    const workspace = `scene-${this.#scenes}`;
    const runId = await this.system.queueRun({ workspace, pool, planOnly, autoApply: false });
    return new Scene(this, { runId, workspace });
  }

  /** Runs a task as the launcher does. @returns its id */
  async runTask(startedBy: string, stop: keyof typeof STOPS, image = 'local/sleeper'): Promise<string> {
    const { ecs, hcpTerraform } = this.system;
    this.#phases.current = STOPS[stop];
    const place = { region: ecs.region, accountId: ecs.accountId };
    const definition = taskDefinition(POOL, { hcpTerraform, ...place, tokenSecret: 'none', image });
    const containerDefinitions = definition.containerDefinitions.map(({ secrets: _, ...rest }) => rest);
    const { family } = ecs.registerTaskDefinition({ ...definition, containerDefinitions });
    const client = new ECSClient({});
    const { tasks = [] } = await client.send(
      new RunTaskCommand({
        cluster: LAUNCHER,
        taskDefinition: family,
        launchType: 'FARGATE',
        startedBy,
        networkConfiguration: { awsvpcConfiguration: { subnets: [ecs.subnets[0]?.id ?? ''] } },
      }),
    );
    client.destroy();
    return tasks[0]?.taskArn?.split('/').at(-1) ?? '';
  }

  async setSchedule(State: 'ENABLED' | 'DISABLED'): Promise<void> {
    const client = new SchedulerClient({});
    const { ScheduleExpression, FlexibleTimeWindow, Target } = await client.send(
      new GetScheduleCommand({ Name: LAUNCHER }),
    );
    await client.send(
      new UpdateScheduleCommand({ Name: LAUNCHER, State, ScheduleExpression, FlexibleTimeWindow, Target }),
    );
    client.destroy();
  }

  reserve(reservedConcurrency: number | undefined): void {
    this.system.ecs.aws.functions.change(FUNCTION, { reservedConcurrency } as { reservedConcurrency: number });
  }

  /** Sends a request to HCP Terraform as an owner. */
  async hcpTerraform(method: 'PATCH' | 'POST', path: string, body?: unknown): Promise<void> {
    const { url, apiToken } = this.system.hcpTerraform;
    const { statusCode, body: answer } = await request(`${url}/api/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${apiToken}`, 'content-type': 'application/vnd.api+json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (statusCode >= 300) throw new Error(`${method} ${path} returned ${statusCode}: ${text}`);
  }
}

export class Scene {
  readonly stage: Stage;
  readonly runId: string;
  readonly workspace: string;
  readonly startedAt = Date.now();
  /** Milliseconds that the command's clock is ahead of the machine's. */
  laterMs = 0;
  #frozenAtMs: number | undefined;

  constructor(stage: Stage, { runId, workspace }: { readonly runId: string; readonly workspace: string }) {
    this.stage = stage;
    this.runId = runId;
    this.workspace = workspace;
  }

  get planKey(): string {
    return `${this.runId}/plan`;
  }

  /** The command's time. */
  get nowMs(): number {
    return this.#clockMs + this.laterMs;
  }

  /** From now on, time stands still for the command and for what this scene adds. */
  freeze(): this {
    this.#frozenAtMs = Date.now();
    return this;
  }

  get #clockMs(): number {
    return this.#frozenAtMs ?? Date.now();
  }

  get workspaceId(): string {
    return this.#run.workspaceId;
  }

  get #run() {
    const run = this.stage.system.hcpTerraform.world.runs.get(this.runId);
    if (run === undefined) throw new Error(`There is no run ${this.runId}.`);
    return run;
  }

  /** Moves the command's clock on. */
  later(seconds: number): this {
    this.laterMs += seconds * 1000;
    return this;
  }

  status(status: string): this {
    this.stage.system.hcpTerraform.showStatus(this.runId, status);
    return this;
  }

  queueApply(): this {
    queueApply(this.#run, Date.now());
    return this;
  }

  /** An agent takes the plan. @param silentSeconds since its last ping */
  takePlan(name: string, silentSeconds = 0): this {
    const { world } = this.stage.system.hcpTerraform;
    const { agentPool } = this.stage.system.hcpTerraform;
    const id = newId('agent');
    world.agents.set(id, {
      id,
      poolId: agentPool.id,
      tokenId: '',
      name,
      version: '1.33.0',
      architecture: 'amd64',
      accept: new Set(['plan']),
      single: true,
      ipAddress: '127.0.0.1',
      createdAt: this.#clockMs,
      lastPingAt: this.#clockMs - silentSeconds * 1000,
      reported: 'busy',
      jobsTaken: 1,
    });
    const by = { agentId: id, agentName: name, agentPoolId: agentPool.id, agentPoolName: agentPool.name };
    startOperation(this.#run, this.#run.plan, by, Date.now());
    return this;
  }

  /** Adds the line of a tick. @param secondsAgo by the command's clock */
  tick(pool: Partial<PoolLine> = {}, secondsAgo = 1): this {
    const at = this.nowMs - secondsAgo * 1000;
    const message = (pool.errors ?? []).length > 0 ? 'tick with errors' : 'tick';
    this.#log(at, {
      level: message === 'tick' ? 'INFO' : 'ERROR',
      message,
      timestamp: new Date(at).toISOString(),
      service: LAUNCHER,
      durationMs: 240,
      runListRequests: 12,
      pools: [{ pool: POOL, queued: 1, running: 0, live: {}, foreignIdle: 0, unclaimed: 0, ...pool }],
    });
    return this;
  }

  failing(system: string, fault: string, message: string): this {
    return this.tick({ errors: [{ system, fault, message }] });
  }

  deferred(cause: string, reason: string, pool: Partial<PoolLine> = {}, jobKey = this.planKey): this {
    return this.tick({ deferrals: [{ jobKey, cause, reason }], ...pool });
  }

  refused(cause: string, detail: string, remedy: string): this {
    return this.launched('', { outcome: 'refused', cause, detail, remedy });
  }

  /** The tick that launched a task, and an idle tick after it. */
  launched(task: string, more: Partial<Launch> = {}, secondsAgo = 2): this {
    const launch = {
      job: this.planKey,
      workspace: this.workspaceId,
      reason: '1 queued, 0 unclaimed',
      outcome: 'launched',
      ...(task !== '' && { task, attempt: 1 }),
      ...more,
    };
    this.tick({ firstSeen: [launch.job], launches: [launch] }, secondsAgo);
    return this.tick({ live: { starting: 1 } });
  }

  ended(task: string, changes: Partial<TaskEndedLine>): this {
    const at = this.nowMs - 1000;
    this.#log(at, {
      level: 'INFO',
      message: 'task ended',
      timestamp: new Date(at).toISOString(),
      task,
      pool: POOL,
      launchedFor: this.planKey,
      job: this.planKey,
      run: this.runId,
      workspace: this.workspaceId,
      phase: 'plan',
      family: `AgentLauncher_all_${POOL}`,
      cpu: 1024,
      memoryMiB: 2048,
      capacity: 'on-demand',
      architecture: 'x86_64',
      outcome: 'ended',
      seconds: { billed: 60 },
      dollars: 0.0008,
      ...changes,
    });
    return this;
  }

  /** Adds a line of Lambda or the runtime. */
  functionSays(message: string | object, secondsAgo = 1): this {
    this.#log(this.nowMs - secondsAgo * 1000, message);
    return this;
  }

  agentSays(task: string, ...lines: readonly string[]): this {
    for (const message of lines) this.stage.system.addLogEvent({ group: `agents/${POOL}`, task, message });
    return this;
  }

  /** Runs a task for the plan, and waits until it is in the wanted state. */
  async task(stop: 'provisioning' | 'pulling' | 'running' | 'stopped', startedBy = this.planKey): Promise<string> {
    const { ecs } = this.stage.system;
    const id =
      stop === 'stopped'
        ? await this.stage.runTask(startedBy, 'running', 'local/failing')
        : await this.stage.runTask(startedBy, stop);
    const wanted = { provisioning: 'PROVISIONING', pulling: 'PENDING', running: 'RUNNING', stopped: 'STOPPED' }[stop];
    await until(`the task ${wanted}`, () => ecs.task(id)?.lastStatus === wanted);
    return id;
  }

  run(argv: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Promise<RunResult> {
    return this.stage.system.run(argv, { now: () => this.nowMs, env });
  }

  #log(at: number, message: string | object): void {
    this.stage.system.addLogEvent({ group: 'launcher', message, at });
  }
}
