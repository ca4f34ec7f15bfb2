import { SPOT_INTERRUPTED, STOPPED_BY_USER } from '../../local/ecs/core/wording.ts';
import { createRateLimiter, VENDOR_RATE_LIMITS } from '../../local/hcp-terraform/rate-limits.ts';
import { Containers } from './containers.ts';
import type { Ec2Cloud } from './ec2-client.ts';
import type { Cloud } from './ecs-client.ts';
import { type EcsEvents, EcsWorld } from './ecs-world.ts';
import { Faults } from './faults.ts';
import { type GatewayCounts, GatewayWorld } from './gateway-world.ts';
import type { Platform } from './hcp-http.ts';
import { HcpWorld } from './hcp-world.ts';
import { environmentOf, LambdaHost } from './lambda.ts';
import type { Launcher } from './launcher.ts';
import { type BrokenPromise, Promises } from './promises.ts';
import { hashOf, Random } from './random.ts';
import { type Scenario, type ScenarioEvent, settingsOfStack, type WorldSettings } from './scenario.ts';
import { VirtualTime } from './virtual-time.ts';
import { SimulatedQueue } from './wake-ups.ts';

const MINUTE_MS = 60_000;

/** When every world starts: an arbitrary Sunday. */
export const WORLD_STARTS_MS = Date.parse('2026-03-01T00:00:00Z');

/** Maximum time from a world's last event until it is idle, plus the extra time for each run that waits for earlier ones. */
const REST_MS = 60 * MINUTE_MS;
const REST_FOR_A_RUN_MS = 12 * MINUTE_MS;

/** After three failures of a gateway, launches wait for an hour. Then the gateway stays awake for its idle time. */
const REST_FOR_GATEWAYS_MS = 90 * MINUTE_MS;

/** A run that waits for the end of a gateway is created at the latest after this time. */
const LATEST_AWAITED_MS = 15 * MINUTE_MS;

/** The part of the extra time for a run that its jobs may take. */
const JOBS_OF_A_TURN_MS = 5 * MINUTE_MS;

/** A job that never ends is stopped by then, whatever its limit is. */
const ENDLESS_JOB_MS = 4 * 60 * MINUTE_MS;

export interface Outcome {
  readonly broken: BrokenPromise | undefined;
  readonly events: number;
  /** Hash of everything that happened, in order; 0 if no trace was kept. */
  readonly traceHash: number;
  readonly trace: readonly string[];
  readonly virtualMs: number;
  readonly ticks: number;
  readonly invocations: number;
  /** Number of faults that hit, by kind. */
  readonly faults: ReadonlyMap<string, number>;
  readonly launches: number;
  /** Number of agents that the launcher started for a queued job, and that ended without a job. */
  readonly unused: number;
  /** Number of listed jobs that an agent took. */
  readonly served: number;
  /** The wait of each served job, from queued until an agent took it. */
  readonly waitsMs: readonly number[];
  /** Total idle time of the launcher's agents. */
  readonly idleAgentMs: number;
  readonly racedStops: number;
  /** What happened to the gateways of the first stack; absent if there are none. */
  readonly gateways: GatewayCounts | undefined;
  /** Results for the jobs that ticks found queued. */
  readonly watched: Promises['watched'];
}

export interface SimulationOptions {
  /** Keep a line for everything that happens, and a hash of all lines. */
  readonly keepTrace?: boolean;
}

/** Runs one world until it is idle or a promise is broken. */
export async function simulate(
  scenario: Scenario,
  launcher: Launcher,
  { keepTrace = false }: SimulationOptions = {},
): Promise<Outcome> {
  // Copy the settings, because `resize` and `rephase` change them.
  const settings = structuredClone(scenario.settings);
  const random = new Random(scenario.seed);
  const time = new VirtualTime(WORLD_STARTS_MS);
  const trace: string[] = [];
  let traceHash = 0;
  const note = (what: string): void => {
    const line = `${((time.now() - WORLD_STARTS_MS) / 1000).toFixed(1)} ${what}`;
    traceHash = hashOf(line, traceHash);
    trace.push(line);
  };
  const tell = keepTrace ? note : undefined;
  const waitsMs: number[] = [];
  const idleSince = new Map<string, number>();
  let idleAgentMs = 0;

  const hcp = new HcpWorld(time, settings, random.stream('hcp'), {
    trace: tell,
    started: (job) => waitsMs.push(time.now() - job.queuedAtMs),
    waits: (agent) => idleSince.set(agent.name, time.now()),
    waitsNoMore: (agent) => {
      if (!agent.name.startsWith('foreign-')) idleAgentMs += time.now() - (idleSince.get(agent.name) ?? time.now());
      idleSince.delete(agent.name);
    },
  });
  let launches = 0;
  let unused = 0;
  const limiter = createRateLimiter(VENDOR_RATE_LIMITS);
  const quiet = (): boolean =>
    stacks.every(({ ecs }) => ecs.live.size === 0) &&
    hcp.openRuns.size === 0 &&
    settings.pools.every(({ name }) => hcp.activeJobs(name) === 0);
  const stackOf = (number: number): Stack => {
    // The first stack of a world with several stacks is the same as the stack of a world with one.
    const stream = (name: string): Random => random.stream(number === 0 ? name : `${name} ${number}`);
    const traced = tell && number > 0 ? (what: string) => tell(`stack ${number}: ${what}`) : tell;
    const own = settingsOfStack(settings, number);
    const faults = new Faults(time, stream('faults'), scenario, WORLD_STARTS_MS, number);
    const gateways = gatewayWorldOf(own, {
      time,
      random: stream('gateways'),
      faults,
      changed: (gateway, works) => {
        promises.gateways?.changed(gateway, works);
        containers.networkChanged(gateway, works);
      },
      troubled: () => promises.gateways?.troubled(),
      created: (gateway) => promises.gateways?.created(gateway),
      trace: traced,
    });
    const containers = new Containers({ time, settings: own, random: stream('containers'), faults, hcp, gateways });
    const events: EcsEvents = {
      trace: traced,
      created: (task) => {
        if (task.byLauncher) launches += 1;
        promises.taskCreated(task, cloud.acting);
        containers.prepare(task, ecs);
      },
      leaves: (task) => {
        const hadJob = containers.agentOf(task)?.hadJob;
        if (task.byLauncher && task.startedBy?.startsWith('run-') === true && hadJob === false) unused += 1;
        for (const stack of stacks) stack.promises.taskLeaves(task.pool, hadJob === true);
      },
      // The launcher stops the task five minutes later.
      lingers: (task) => promises.disturbed(task.pool, time.now() + 6 * MINUTE_MS),
    };
    const ecs = new EcsWorld(time, own, containers, events, number);
    const config = launcher.parseConfig(environmentOf(own));
    const promises = new Promises({ time, settings: own, config, ecs, hcp, containers, gateways });
    const platform: Platform = {
      time,
      settings: own,
      random: stream('platform'),
      faults,
      hcp,
      limiter,
      onRunRead: (secret) => promises.runRead(secret),
      onRunList: (environment, secret) => promises.runListRequested(environment, secret),
      onPause: (secret, untilMs) => promises.paused(secret, untilMs),
    };
    const cloud: Cloud = {
      time,
      settings: own,
      random: stream('cloud'),
      faults,
      ecs,
      acting: undefined,
      onStopTask: (by, task) => promises.stopRequested(task, by),
      onRunTask: (environment, input) => {
        promises.runTaskSent(environment);
        promises.sent(JSON.stringify(input));
      },
      onThrottled: (environment) => promises.runTaskThrottled(environment),
    };
    const ec2: Ec2Cloud | undefined = gateways && {
      time,
      settings: own,
      random: stream('ec2'),
      faults,
      gateways,
      onSecondLook: () => {
        const [run] = awaited;
        if (run !== undefined) time.after(people.between(0, 1500), run);
      },
      onEnd: (by, action, instanceId) => promises.gateways?.ends(by, action, instanceId),
      onCreate: (templateId) => promises.gateways?.createRequested(gateways.gatewayFrom(templateId)),
    };
    const host = new LambdaHost({
      launcher,
      config,
      platform,
      cloud,
      ec2,
      random: stream('lambda'),
      promises: () => promises,
      queue: () => queue,
      idle: quiet,
      trace: traced,
    });
    const queue =
      settings.idlePollMs === undefined && settings.nudges === undefined
        ? undefined
        : new SimulatedQueue({
            time,
            random: stream('wake-ups'),
            faults,
            invoke: (event, over) => host.invoke(event, over),
            chained: () => promises.chained(),
            trace: traced,
          });
    return { ecs, containers, gateways, host, queue, promises, faults, settings: own, schedule: stream('schedule') };
  };
  const people = random.stream('people');
  /** Runs that are created when the launcher is about to end a gateway. */
  const awaited = new Set<() => void>();
  const awaits = (happens: () => void): void => {
    const run = (): void => {
      if (!awaited.delete(run)) return;
      happens();
      // Somebody also invokes the launcher, so that its ticks overlap.
      for (const { host, promises } of stacks) {
        promises.crowded();
        host.invoke();
      }
    };
    awaited.add(run);
    time.after(LATEST_AWAITED_MS, run);
  };
  const stacks = Array.from({ length: settings.stacks?.count ?? 1 }, (_, number) => stackOf(number));

  for (const event of scenario.events) {
    const happens = (): void => {
      tell?.(`event ${event.id}: ${event.kind}`);
      const [first] = stacks;
      const stack = stacks.length > 1 ? people.among(stacks) : first;
      if (stack === undefined) throw new Error('A world has no stack');
      happen(event, { ...stack, hcp, stacks, people, time, launcher });
    };
    const isAwaited = event.kind === 'run' && event.atGatewayEnd === true;
    time.at(WORLD_STARTS_MS + event.atMs, () => (isAwaited ? awaits(happens) : happens()));
  }
  for (const { host, schedule } of stacks) host.schedule(WORLD_STARTS_MS + schedule.whole(0, MINUTE_MS - 1));

  const last = scenario.events.map((event) => event.atMs + (event.kind === 'fault' ? event.ms : 0));
  const lastMs = WORLD_STARTS_MS + Math.max(scenario.lastsMs, ...last);
  const restMs = REST_MS + (settings.gateways === undefined ? 0 : REST_FOR_GATEWAYS_MS);
  const endsMs = lastMs + scenario.events.reduce((sum, event) => sum + restForMs(event), restMs);
  const asleep = (): boolean => stacks.every(({ gateways }) => gateways?.allAsleep ?? true);
  let restingSinceTick: number | undefined;
  try {
    await time.run(() => {
      for (const { promises } of stacks) promises.check();
      if (brokenIn(stacks) !== undefined || time.now() > endsMs) return true;
      if (time.now() < lastMs || !quiet() || !hcp.allFinal || !asleep()) {
        restingSinceTick = undefined;
        return false;
      }
      const ticks = Math.min(...stacks.map(({ host }) => host.ticks));
      restingSinceTick ??= ticks;
      return ticks > restingSinceTick + 2;
    });
  } finally {
    hcp.close();
  }
  if (brokenIn(stacks) === undefined) for (const { promises } of stacks) promises.worldEnded(lastMs);
  const sum = (count: (stack: Stack) => number): number => stacks.reduce((total, stack) => total + count(stack), 0);
  return {
    broken: brokenIn(stacks),
    events: time.events,
    traceHash,
    trace,
    virtualMs: time.now() - WORLD_STARTS_MS,
    ticks: sum(({ host }) => host.ticks),
    invocations: sum(({ host }) => host.invocations),
    faults: hitsIn(stacks),
    launches,
    unused,
    served: waitsMs.length,
    waitsMs,
    idleAgentMs,
    racedStops: sum(({ promises }) => promises.racedStops),
    gateways: stacks[0]?.gateways?.counts,
    watched: {
      served: sum(({ promises }) => promises.watched.served),
      limited: sum(({ promises }) => promises.watched.limited),
      excused: sum(({ promises }) => promises.watched.excused),
    },
  };
}

/** How much later a world may become idle because of this event. With a single agent, each job waits for all earlier ones. */
function restForMs(event: ScenarioEvent): number {
  const over = (jobsMs: number): number => Math.max(0, jobsMs - JOBS_OF_A_TURN_MS);
  if (event.kind === 'run') {
    const endless = event.hangs === undefined ? 0 : ENDLESS_JOB_MS;
    return REST_FOR_A_RUN_MS + over(event.planMs + event.applyMs) + endless;
  }
  return event.kind === 'assessment' ? over(event.ms) : 0;
}

/** The gateways of a stack, if its tasks need any. */
function gatewayWorldOf(
  settings: WorldSettings,
  parts: Omit<ConstructorParameters<typeof GatewayWorld>[0], 'settings'>,
): GatewayWorld | undefined {
  const { gateways } = settings;
  return gateways && new GatewayWorld({ ...parts, settings: { ...settings, gateways } });
}

/** One stack: its cluster, its function, and the promises that are checked for it. */
interface Stack {
  readonly ecs: EcsWorld;
  readonly containers: Containers;
  /** Absent: tasks don't need a gateway. */
  readonly gateways: GatewayWorld | undefined;
  readonly host: LambdaHost;
  readonly queue: SimulatedQueue | undefined;
  readonly promises: Promises;
  readonly faults: Faults;
  readonly settings: WorldSettings;
  readonly schedule: Random;
}

/** The stack that an event happens to, and what all stacks share. */
interface Stage extends Stack {
  readonly stacks: readonly Stack[];
  readonly hcp: HcpWorld;
  readonly people: Random;
  readonly time: VirtualTime;
  readonly launcher: Launcher;
}

function brokenIn(stacks: readonly Stack[]): BrokenPromise | undefined {
  return stacks.find(({ promises }) => promises.broken !== undefined)?.promises.broken;
}

/** Number of faults that hit, by kind. */
function hitsIn(stacks: readonly Stack[]): Map<string, number> {
  const hits = new Map<string, number>();
  for (const { faults } of stacks)
    for (const [kind, count] of faults.injected) hits.set(kind, (hits.get(kind) ?? 0) + count);
  return hits;
}

/** Makes one external event happen. */
function happen(
  event: ScenarioEvent,
  { stacks, hcp, ecs, containers, gateways, host, promises, people, faults, time, settings, launcher }: Stage,
): void {
  if (event.kind !== 'fault' && event.kind !== 'run') faults.count(event.kind);
  const deployGateways = (): void => {
    if (gateways === undefined || settings.gateways === undefined) return;
    settings.gateways.version += 1;
    gateways.deploy();
    ecs.deploy();
    host.deploy(launcher.parseConfig(environmentOf(settings)));
  };
  switch (event.kind) {
    case 'run': {
      const runId = hcp.createRun(event.id, event);
      if (settings.nudges === undefined) return;
      for (const stack of stacks) {
        stack.promises.crowded();
        stack.queue?.send({ kind: 'nudge', runId }, 0);
      }
      return;
    }
    case 'cancel':
      hcp.cancelRun(event.run);
      return;
    case 'assessment':
      hcp.queueHidden(event.pool, event.ms);
      return;
    case 'foreign-agent':
      containers.startForeign(event.pool, event);
      return;
    case 'kill-agent':
      promises.disturbed(event.pool, time.now() + 7 * MINUTE_MS);
      containers.among(event.pool, people)?.kill();
      return;
    case 'cut-off-agent':
      promises.disturbed(event.pool, time.now() + event.ms);
      containers.among(event.pool, people)?.cutOff(event.ms);
      return;
    case 'freeze-agent':
      // After six minutes, HCP Terraform marks the agent as errored. Then the launcher stops its task.
      promises.disturbed(event.pool, time.now() + 7 * MINUTE_MS);
      containers.among(event.pool, people)?.freeze();
      return;
    case 'stop-task': {
      const task = people.among([...ecs.live].filter(({ pool }) => pool === event.pool));
      if (task === undefined) return;
      if (event.by === 'person') ecs.stopByHand(task, STOPPED_BY_USER);
      else if (event.by === 'spot') ecs.stop(task, 'SpotInterruption', SPOT_INTERRUPTED);
      else ecs.stop(task, 'TerminationNotice', 'ECS is performing maintenance on the underlying infrastructure');
      return;
    }
    case 'manual-task': {
      const lanes = settings.pools.find(({ name }) => name === event.pool)?.lanes ?? [];
      const family = (lanes.length > 1 ? people.among(lanes) : lanes[0])?.family;
      if (family !== undefined) ecs.startByHand(family);
      return;
    }
    case 'deployment':
      ecs.deploy();
      host.deploy();
      return;
    case 'resize': {
      const pool = settings.pools.find(({ name }) => name === event.pool);
      if (pool === undefined) return;
      promises.resized(pool);
      pool.maxAgents = event.maxAgents;
      if (pool.standing?.warm !== undefined) pool.standing.warm = event.warm;
      ecs.deploy();
      host.deploy(launcher.parseConfig(environmentOf(settings)));
      return;
    }
    case 'rephase': {
      const pool = settings.pools.find(({ name }) => name === event.pool);
      if (pool === undefined) return;
      promises.rephased();
      pool.formerLanes = [...pool.lanes, ...(pool.formerLanes ?? [])];
      pool.lanes = event.lanes;
      ecs.deploy();
      host.deploy(launcher.parseConfig(environmentOf(settings)));
      return;
    }
    case 'end-gateway':
      gateways?.end(event.how, people);
      return;
    case 'old-gateways':
      gateways?.age();
      promises.gateways?.aged();
      return;
    case 'image-gone':
      gateways?.deleteImage();
      time.after(event.ms, () => deployGateways());
      return;
    case 'gateway-config':
      deployGateways();
      return;
    case 'recycle':
      host.recycle();
      return;
    case 'nudge':
      promises.crowded();
      host.invoke();
      return;
    case 'fault':
      return;
  }
}
