/**
 * One day of a launcher in the simulated world: the same HCP Terraform, ECS and agents in virtual time as in `test/simulation`.
 *
 * This launcher runs its real code, as in every simulation. The others are models of their published code (`models.ts`). Nothing fails
 * in these worlds, so they show the cost and the speed of a design, not its reliability.
 */

import type { ECSClient } from '@aws-sdk/client-ecs';
import { ApiError } from '../../local/aws/core/api-error.ts';
import { createRateLimiter, VENDOR_RATE_LIMITS } from '../../local/hcp-terraform/rate-limits.ts';
import { Containers } from '../../test/simulation/containers.ts';
import { EcsWorld, type SimulatedTask } from '../../test/simulation/ecs-world.ts';
import { Faults } from '../../test/simulation/faults.ts';
import type { ApiDocument } from '../../test/simulation/hcp-api.ts';
import { HcpWorld } from '../../test/simulation/hcp-world.ts';
import { LAUNCHER, type Launcher } from '../../test/simulation/launcher.ts';
import { Random } from '../../test/simulation/random.ts';
import { type RunCreated, type Scenario, type WorldSettings, wholeLane } from '../../test/simulation/scenario.ts';
import { undisturbed } from '../../test/simulation/undisturbed.ts';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { latency } from '../../test/simulation/wire.ts';
import { simulate, WORLD_STARTS_MS } from '../../test/simulation/world.ts';
import { type Played, readTrace } from './trace.ts';
import { DAY, HOUR, POOL_NAME, type Workload } from './workloads.ts';

const SECOND = 1000;
const FAMILY = 'agents';
const POOL_ID = 'apool-0';
const ORGANIZATION = 'org-main';
const TOKEN = 'secret-main';
const SCALED_IN = 'Scaling activity initiated by the service';

/** The default of `idleWindowSeconds`. */
const IDLE_WINDOW_MS = 300 * SECOND;

/** Maximum number of agents, the same for every launcher. */
export const MAX_AGENTS = 100;

/** Requests that a launcher made. */
export interface Requests {
  hcpTerraform: number;
  aws: number;
}

export interface Day extends Played {
  readonly requests: Requests;
  /** Billed time of the launcher's own function, in seconds, and its invocations. */
  readonly functionSeconds: number;
  readonly invocations: number;
  /** Number of hours in which a job was queued or running. */
  readonly activeHours: number;
}

function settingsOf(more: Partial<WorldSettings>): WorldSettings {
  const pool = {
    name: POOL_NAME,
    id: POOL_ID,
    idGiven: true,
    organization: ORGANIZATION,
    apiTokenSecret: TOKEN,
    lanes: [wholeLane(FAMILY)],
    maxAgents: MAX_AGENTS,
  };
  return { ...undisturbed([pool]), dequeueOrder: 'applies-first', idleWindowMs: IDLE_WINDOW_MS, ...more };
}

function scenarioFor({ name, runs }: Workload, more: Partial<WorldSettings> = {}): Scenario {
  return {
    seed: `benchmark/${name}`,
    profile: 'benchmark',
    settings: settingsOf(more),
    events: runs,
    lastsMs: DAY,
  };
}

/** Runs this launcher for a day. @throws if it broke one of its promises */
export async function playLauncher(workload: Workload): Promise<Day> {
  const requests: Requests = { hcpTerraform: 0, aws: 0 };
  const lambda = { seconds: 0, invocations: 0 };
  const outcome = await simulate(scenarioFor(workload), counted(requests, lambda), { keepTrace: true });
  if (outcome.broken !== undefined) {
    throw new Error(`${workload.name}: promise ${outcome.broken.promise} is broken: ${outcome.broken.what}`);
  }
  return {
    ...readTrace(outcome.trace, DAY),
    requests,
    functionSeconds: lambda.seconds,
    invocations: lambda.invocations,
    activeHours: activeHours(outcome.trace),
  };
}

/** The launcher itself, with counters at its borders. */
function counted(requests: Requests, lambda: { seconds: number; invocations: number }): Launcher {
  class CountedHttp extends LAUNCHER.HcpTerraformHttp {
    constructor(...[options, ...rest]: ConstructorParameters<Launcher['HcpTerraformHttp']>) {
      const send: typeof options.send = (...args) => {
        requests.hcpTerraform += 1;
        return options.send(...args);
      };
      super({ ...options, send }, ...rest);
    }
  }
  class CountedTasks extends LAUNCHER.EcsTasks {
    constructor({ client, launchClient, ...rest }: ConstructorParameters<Launcher['EcsTasks']>[0]) {
      super({ ...rest, client: counting(client), launchClient: counting(launchClient) });
    }
  }
  function counting(client: ECSClient): ECSClient {
    const send = client.send.bind(client);
    return Object.assign(Object.create(Object.getPrototypeOf(client)), client, {
      send: (...args: Parameters<typeof send>) => {
        requests.aws += 1;
        return send(...args);
      },
    });
  }
  class CountedInvocations extends LAUNCHER.WokenInvocations {
    readonly #now: () => number;

    constructor(parts: ConstructorParameters<Launcher['WokenInvocations']>[0]) {
      super(parts);
      this.#now = parts.clock.now;
    }

    override async run(...args: Parameters<InstanceType<Launcher['WokenInvocations']>['run']>) {
      const startMs = this.#now();
      const last = await super.run(...args);
      lambda.invocations += 1;
      lambda.seconds += (this.#now() - startMs) / SECOND;
      return last;
    }
  }
  return {
    ...LAUNCHER,
    HcpTerraformHttp: CountedHttp,
    EcsTasks: CountedTasks,
    WokenInvocations: CountedInvocations,
  };
}

/** Hours with a task, for metrics that AWS bills per hour. */
function activeHours(trace: readonly string[]): number {
  const hours = new Set<number>();
  for (const line of trace) {
    const [, seconds] = /^(\S+) task \w+ [A-Z]+$/.exec(line) ?? [];
    if (seconds !== undefined) hours.add(Math.floor((Number(seconds) * SECOND) / HOUR));
  }
  return hours.size;
}

/** What a model of another launcher can see and do. */
export class PeerWorld {
  readonly time: VirtualTime;
  readonly clock: ReturnType<VirtualTime['clock']>;
  readonly hcp: HcpWorld;
  readonly ecs: EcsWorld;
  readonly containers: Containers;
  readonly random: Random;
  readonly workspaces: number;
  readonly poolName = POOL_NAME;
  readonly requests: Requests = { hcpTerraform: 0, aws: 0 };
  readonly invocations = { count: 0 };
  readonly #limiter = createRateLimiter(VENDOR_RATE_LIMITS);
  readonly #listeners: ((run: string, status: string) => void)[] = [];
  /** Ids of the workspaces that have had a run, by name. */
  readonly #workspaceIds = new Map<string, string>();
  readonly trace: string[] = [];

  constructor(scenario: Scenario, workspaces: number) {
    const random = new Random(scenario.seed);
    const time = new VirtualTime(WORLD_STARTS_MS);
    const { settings } = scenario;
    const note = (what: string): void => {
      this.trace.push(`${((time.now() - WORLD_STARTS_MS) / SECOND).toFixed(1)} ${what}`);
      const [, run, status] = /^(run-\S+) (\S+)$/.exec(what) ?? [];
      if (run !== undefined && status !== undefined) for (const tell of this.#listeners) tell(run, status);
    };
    const nothing = (): void => {};
    const faults = new Faults(time, random.stream('faults'), scenario, WORLD_STARTS_MS);
    const events = { started: nothing, waits: nothing, waitsNoMore: nothing, trace: note };
    const hcp = new HcpWorld(time, settings, random.stream('hcp'), events);
    const containers = new Containers({ time, settings, random: random.stream('containers'), faults, hcp });
    const ecs = new EcsWorld(time, settings, containers, {
      trace: note,
      created: (task) => containers.prepare(task, ecs),
      leaves: nothing,
    });
    this.time = time;
    this.clock = time.clock();
    this.hcp = hcp;
    this.ecs = ecs;
    this.containers = containers;
    this.random = random.stream('peer');
    this.workspaces = workspaces;
  }

  createRun(id: number, what: RunCreated): void {
    this.hcp.createRun(id, what);
    if (this.#workspaceIds.has(what.workspace)) return;
    for (const run of this.hcp.runs) this.#workspaceIds.set(run.what.workspace, run.of.workspaceId);
  }

  /** Calls the listener after every change of a run's status. */
  onRun(listener: (run: string, status: string) => void): void {
    this.#listeners.push(listener);
  }

  async sleep(ms: number): Promise<void> {
    await this.clock.sleep(ms, NEVER);
  }

  /** Repeats the work for the whole day. `pauseMs` is the time from the end of one turn to the start of the next. */
  repeat(pauseMs: () => number, work: () => Promise<void> | void): void {
    const turns = async (): Promise<void> => {
      for (;;) {
        await work();
        await this.sleep(pauseMs());
      }
    };
    this.time.after(0, () => {
      this.time.woke();
      void turns();
    });
  }

  /** Requests a page of the organization's runs. */
  async listRuns(query: Readonly<Record<string, string>>): Promise<ApiDocument> {
    await this.ask(true);
    return this.hcp.get(`/organizations/${ORGANIZATION}/runs`, query, TOKEN);
  }

  /** Requests the list of a workspace's runs with these statuses. @returns their number */
  async countWorkspaceRuns(workspace: string, statuses: string): Promise<number> {
    await this.ask(true);
    const id = this.#workspaceIds.get(workspace);
    if (id === undefined) return 0;
    const query = { 'filter[status]': statuses, 'page[size]': '100' };
    return this.hcp.get(`/workspaces/${id}/runs`, query, TOKEN).data.length;
  }

  /**
   * Waits for a request to HCP Terraform. Like go-tfe, it waits until `x-ratelimit-reset` after a 429, and tries again.
   * hashicorp/go-tfe, commit 0fa6b0997dd85908342c5377ff69a83070449644, v1.go:21602-21650
   */
  async ask(isRunList = false): Promise<void> {
    for (;;) {
      await this.sleep(latency(this.random, 40, 300));
      this.requests.hcpTerraform += 1;
      const { allowed, resetSeconds } = this.#limiter.take(TOKEN, isRunList, this.time.now());
      if (allowed) return;
      await this.sleep(Math.max(100, resetSeconds * SECOND) + this.random.between(0, 300));
    }
  }

  /** A call to AWS, by its duration only. */
  async callAws(calls = 1): Promise<void> {
    this.requests.aws += calls;
    await this.sleep(calls * latency(this.random, 20, 120));
  }

  /** Launches up to this many tasks. @returns how many ECS accepted */
  launch(count: number): number {
    try {
      this.ecs.runTask({ cluster: 'agents', taskDefinition: FAMILY, launchType: 'FARGATE', count, ...NETWORK });
      return count;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return 0;
    }
  }

  stop(task: SimulatedTask): void {
    this.ecs.stopByHand(task, SCALED_IN);
  }
}

const NETWORK = { networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'] } } };
const NEVER = new AbortController().signal;

/** A model of another launcher. */
export interface Model {
  readonly singleAgents: boolean;
  /** Starts its loops. */
  readonly start: (world: PeerWorld) => void;
}

/** Runs the model for a day. */
export async function playPeer({ singleAgents, start }: Model, workload: Workload): Promise<Day> {
  // Agents of a service wait for a job as long as they run.
  const scenario = scenarioFor(workload, { singleAgents, idleWindowMs: 2 * DAY });
  const world = new PeerWorld(scenario, workload.workspaces);
  for (const event of scenario.events) {
    world.time.at(WORLD_STARTS_MS + event.atMs, () => {
      if (event.kind === 'run') world.createRun(event.id, event);
    });
  }
  start(world);
  try {
    await world.time.run(() => world.time.now() > WORLD_STARTS_MS + DAY);
  } finally {
    world.hcp.close();
  }
  return {
    ...readTrace(world.trace, DAY),
    requests: world.requests,
    functionSeconds: 0,
    invocations: world.invocations.count,
    activeHours: activeHours(world.trace),
  };
}
