import type { LauncherConfig } from '../../functions/launcher/config.ts';
import { ENV, METRICS } from '../../functions/launcher/contract.ts';
import type { AgentPoolEnvironment, LaneEnvironment } from '../../functions/launcher/pool-environment.ts';
import { errorsOf, type Tick } from '../../functions/launcher/tick.ts';
import { type Ec2Cloud, simulatedEc2Client } from './ec2-client.ts';
import { type Cloud, simulatedEcsClient } from './ecs-client.ts';
import { gatewayEnvironments } from './gateway-world.ts';
import { type Platform, SimulatedHttp } from './hcp-http.ts';
import type { Launcher } from './launcher.ts';
import { ENDS_COUNTED, type Promises } from './promises.ts';
import type { Random } from './random.ts';
import type { JobKind, ScenarioPool, WorldSettings } from './scenario.ts';
import type { SimulatedQueue } from './wake-ups.ts';
import { type Environment, tickRecord } from './wire.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The function's timeout, and the time that its handler reserves for reporting. */
const TIMEOUT_MS = 58_000;
const RESERVE_MS = 2_000;

/** Maximum number of concurrent invocations. Only a bug in the simulation could reach it. */
const MOST_ENVIRONMENTS = 50;

export interface HostParts {
  readonly launcher: Launcher;
  readonly config: LauncherConfig;
  readonly platform: Platform;
  readonly cloud: Cloud;
  /** Absent: there are no gateways. */
  readonly ec2: Ec2Cloud | undefined;
  readonly random: Random;
  readonly promises: () => Promises;
  /** The queue of wake-ups; `undefined` if the world has none. */
  readonly queue: () => SimulatedQueue | undefined;
  readonly idle: () => boolean;
  readonly trace: ((what: string) => void) | undefined;
}

/** A warm execution environment with its state. */
interface Warm {
  readonly environment: Environment;
  readonly woken: InstanceType<Launcher['WokenInvocations']>;
  retired: boolean;
  /** Number of invocations so far, including the current one. */
  invocations: number;
  /** Called when the current invocation has ended. */
  over: (succeeded: boolean) => void;
}

/** Lambda and its schedule: environments can be cold, warm, frozen or killed, and invocations can come late, twice or never. */
export class LambdaHost {
  readonly #parts: HostParts;
  #config: LauncherConfig;
  #warm: Warm[] = [];
  #environments = 0;
  #ticks = 0;
  invocations = 0;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.#config = parts.config;
  }

  get ticks(): number {
    return this.#ticks;
  }

  /** Starts one invocation per minute, from the given time on. */
  schedule(atMs: number): void {
    const { platform, random } = this.#parts;
    const { time, faults } = platform;
    time.at(atMs, () => {
      this.schedule(atMs + MINUTE_MS);
      if (faults.hit(['schedule-missed']) !== undefined) return this.#parts.promises().notInvoked(atMs + MINUTE_MS);
      const late = faults.hit(['schedule-late']) === undefined ? random.between(0, 300) : random.between(3000, 50_000);
      // The chain of a late invocation overlaps with the next one.
      if (late > 300) this.#parts.promises().chained();
      time.after(late, () => this.invoke());
      if (faults.hit(['schedule-repeated']) !== undefined) {
        this.#parts.promises().crowded();
        time.after(late + random.between(0, 4000), () => this.invoke());
      }
    });
  }

  /** Lambda ends all idle environments. */
  recycle(): void {
    for (const { environment } of this.#warm) if (!environment.busy) environment.alive = false;
    this.#warm = this.#warm.filter(({ environment }) => environment.alive);
  }

  /** Deploys new code or configuration. Running invocations finish with the old one, and their environments aren't reused. */
  deploy(config = this.#config): void {
    this.#config = config;
    for (const warm of this.#warm) warm.retired = true;
    this.recycle();
  }

  /**
   * @param event contains wake-ups, unless the schedule or a person invokes the launcher
   * @param ended called when the invocation has ended
   */
  invoke(event: object = {}, ended: (succeeded: boolean) => void = () => undefined): void {
    const { platform, random, trace } = this.#parts;
    const { time, faults } = platform;
    if (this.#warm.length >= MOST_ENVIRONMENTS) {
      ended(false);
      return;
    }
    const idle = this.#warm.find(({ environment, retired }) => !environment.busy && !retired);
    const warm = idle ?? this.#cold();
    const { environment } = warm;
    environment.busy = true;
    warm.over = ended;
    warm.invocations += 1;
    const { invocations } = warm;
    this.invocations += 1;
    const startMs = time.now() + (idle === undefined ? Math.round(random.between(300, 900)) : 2);
    trace?.(`invocation in environment ${environment.number}${idle === undefined ? ', cold' : ''}`);
    if (faults.hit(['invocation-killed']) !== undefined) {
      time.at(startMs + Math.round(random.between(50, 50_000)), () => this.#kill(warm, invocations));
    }
    time.at(startMs, () => {
      if (!environment.alive) return;
      time.woke();
      this.#run(warm, event, startMs + TIMEOUT_MS - RESERVE_MS);
      time.at(startMs + TIMEOUT_MS, () => {
        if (this.#kill(warm, invocations)) this.#parts.promises().invocationEnded('killed by its timeout');
      });
    });
  }

  #run(warm: Warm, event: object, deadlineMs: number): void {
    const { launcher, promises, trace } = this.#parts;
    const over = (succeeded: boolean): void => {
      warm.environment.busy = false;
      warm.over(succeeded);
      if (warm.retired) this.#warm = this.#warm.filter((other) => other !== warm);
      trace?.(`environment ${warm.environment.number} is done`);
    };
    warm.woken.run(launcher.wokenBy(event), deadlineMs).then(
      (last) => {
        over(last === undefined || !launcher.hasErrors(last));
        if (last !== undefined && launcher.hasErrors(last)) {
          for (const { message } of errorsOf(last)) promises().sent(message);
        }
      },
      (error: unknown) => {
        over(false);
        promises().invocationEnded({ rejected: error });
      },
    );
  }

  /** Kills the environment's process. @returns whether an invocation was still running in it */
  #kill(warm: Warm, invocation: number): boolean {
    if (!warm.environment.busy || !warm.environment.alive || warm.invocations !== invocation) return false;
    warm.environment.alive = false;
    this.#warm = this.#warm.filter((other) => other !== warm);
    this.#parts.trace?.(`environment ${warm.environment.number} killed`);
    this.#parts.promises().invocationKilled();
    warm.over(false);
    return true;
  }

  #cold(): Warm {
    const { launcher, platform, cloud } = this.#parts;
    const config = this.#config;
    const { time } = platform;
    this.#environments += 1;
    const environment: Environment = {
      number: this.#environments,
      alive: true,
      busy: false,
      settled: false,
      knownStopped: new Set(),
      listedFamilies: new Set(),
      listedAtMs: Number.NEGATIVE_INFINITY,
      unansweredLaunchAtMs: Number.NEGATIVE_INFINITY,
      lookupsAtMs: [],
      refusedAtMs: [],
      tick: tickRecord(0, this.#environments, time.now()),
    };
    const http = new SimulatedHttp(platform, environment, launcher);
    const clock = time.clock();
    const hcpTerraform = new launcher.HcpTerraformClient({ http, hostname: config.hostname, ...clock });
    const client = simulatedEcsClient(cloud, environment);
    const tasks = new launcher.EcsTasks({ client, launchClient: client, placement: config.placement, clock });
    const gateways = this.#gateways(config, environment);
    if (gateways !== undefined) noteUnreadTasks(tasks, environment);
    const ports = { hcpTerraform, tasks, gateways: gateways?.port, now: time.now };
    const pollBudget = () => hcpTerraform.pollBudget();
    const sinks = this.#sinks(environment);
    const report = new launcher.TickReport({ ...sinks, pollBudget, scheduleMs: config.scheduleMs });
    const warm: Warm = {
      environment,
      retired: false,
      invocations: 0,
      over: () => undefined,
      woken: new launcher.WokenInvocations({
        tick: async (until) => {
          this.#ticks += 1;
          const record = tickRecord(this.#ticks, environment.number, time.now(), environment.knownStopped);
          environment.tick = record;
          const idle = this.#parts.idle();
          this.#parts.promises().tickStarted(record, environment);
          const ticked = await launcher.tick(config.pools, config.tick, ports, until);
          this.#parts.trace?.(
            `tick ${record.number} ${summaryOf(ticked)}${record.faults.length > 0 ? ` under ${record.faults.join(', ')}` : ''}`,
          );
          this.#parts.promises().tickEnded(record, ticked, environment, idle && this.#parts.idle());
          // In production, a bug makes one pool miss one tick. The simulation must report it.
          const bug = errorsOf(ticked).find(({ fault }) => fault === 'internal');
          if (bug !== undefined) throw bug;
          return ticked;
        },
        report: (ticked) => {
          sinks.published.clear();
          report.report(ticked);
          this.#parts.promises().reported(environment.tick, ticked, sinks.published);
        },
        pollBudget,
        clock,
        activePollMs: config.activePollMs,
        idlePollMs: config.idlePollMs,
        activeCost: launcher.activeCostOf(config.pools),
        wakeUps: this.#parts.queue()?.clientOf(environment),
        gatewaysAllow: gateways?.allow,
        runStatuses: new launcher.RunStatusReader(http, config.apiTokenSecret),
        notSent: ({ message }) => this.#parts.promises().sent(message),
        notFollowed: (runId) => this.#parts.promises().sent(runId),
      }),
    };
    this.#warm.push(warm);
    return warm;
  }

  /** The access to the gateways, if there are any. */
  #gateways({ tick: { gateways: settings } }: LauncherConfig, environment: Environment) {
    const { launcher, ec2, platform } = this.#parts;
    if (settings === undefined || ec2 === undefined) return undefined;
    const clock = platform.time.clock();
    const port = new launcher.Ec2Gateways({
      client: simulatedEc2Client(ec2, environment, false),
      endClient: simulatedEc2Client(ec2, environment, true),
      names: settings.all.map(({ name }) => name),
      clock,
    });
    const allow = (signal: AbortSignal) => launcher.gatewaysAllow(settings, port, clock.now(), signal);
    return { port, allow };
  }

  /** A logger and metrics that keep their input and check it for tokens (promise 8). */
  #sinks(environment: Environment) {
    const promises = this.#parts.promises;
    const log = (message: string, attributes: Record<string, unknown>): void => {
      promises().sent(JSON.stringify([message, attributes]));
      if (message === 'out of memory') promises().outOfMemoryTold(attributes);
      if (message === 'task ended') promises().taskEndReported(attributes, environment.tick);
    };
    const published = new Map<string, number>();
    let dimension = '';
    return {
      published,
      logger: { info: log, warn: log, error: log },
      metrics: {
        addMetric: (name: string, _unit: string, value: number): void => {
          published.set(`${dimension} ${name}`.trim(), value);
          if (name === METRICS.taskSeconds) published.set(ENDS_COUNTED, (published.get(ENDS_COUNTED) ?? 0) + 1);
        },
        addDimension: (_name: string, value: string): void => {
          dimension = value;
        },
        publishStoredMetrics: (): void => {
          dimension = '';
        },
      },
    };
  }
}

/** Records if a tick can't read the live tasks at first. It may read them again before it ends a gateway. */
function noteUnreadTasks(tasks: InstanceType<Launcher['EcsTasks']>, environment: Environment): void {
  const liveTasks = tasks.liveTasks.bind(tasks);
  tasks.liveTasks = (signal) => {
    const { tick } = environment;
    const isFirst = tick.tasksRead === undefined;
    tick.tasksRead = true;
    const reading = liveTasks(signal);
    if (isFirst) reading.catch((error: unknown) => (tick.tasksUnread = String(error)));
    return reading;
  };
}

/** One line about a tick. */
function summaryOf({ pools, gateways }: Tick): string {
  const ofGateways = gateways && [
    gateways.hold && `launches wait: ${gateways.hold}`,
    ...gateways.views.map(({ status, problems }) => [status, ...problems.map(({ cause }) => cause)].join(' ')),
    ...gateways.outcomes.map(({ gateway, kind, outcome, reason }) => `${gateway} ${kind}: ${outcome}, ${reason}`),
    ...gateways.errors.map(({ message }) => message),
  ];
  const ofPools = pools
    .map(({ pool, demand, observation, launches, stops, decision, errors }) => {
      const states = observation?.supply.live.map(({ task, state }) => `${task.id} ${state}`).join(' ');
      const launched = launches.map((launch) => `${launch.launch.job.key}:${launch.kind}`).join(' ');
      const stopped = stops.map(({ stop, kind }) => `${stop.taskId}:${kind}`).join(' ');
      const deferred = decision?.deferrals.map(({ jobKey, cause }) => `${jobKey}:${cause}`).join(' ');
      const failed = errors.map(({ message }) => message).join('; ');
      return `[${pool.name} queued ${demand?.queued.map(({ key }) => key).join(' ') ?? '?'} | ${states ?? '?'} | ${[launched, stopped, deferred, failed].filter(Boolean).join(' | ')}]`;
    })
    .join(' ');
  return ofGateways === undefined ? ofPools : `${ofPools} {${ofGateways.filter(Boolean).join(' | ')}}`;
}

function standingOf({ standing = {} }: ScenarioPool): Pick<LaneEnvironment, 'warm' | 'sweepMinutes'> {
  const { warm, idleSeconds = 3600, sweepMinutes } = standing;
  return {
    ...(warm !== undefined && warm > 0 && { warm: { agents: warm, idleSeconds } }),
    ...(sweepMinutes !== undefined && { sweepMinutes }),
  };
}

function maxJobHoursOf(
  { maxJobMs: { plan, apply } = {} }: ScenarioPool,
  accepts: readonly JobKind[],
): Pick<LaneEnvironment, 'maxPlanHours' | 'maxApplyHours'> {
  return {
    ...(plan !== undefined && accepts.includes('plan') && { maxPlanHours: plan / HOUR_MS }),
    ...(apply !== undefined && accepts.includes('apply') && { maxApplyHours: apply / HOUR_MS }),
  };
}

/** The function's environment variables in this world. */
export function environmentOf(settings: WorldSettings): Record<string, string> {
  const pools: AgentPoolEnvironment[] = settings.pools.map((pool) => ({
    name: pool.name,
    ...(pool.idGiven && { id: pool.id }),
    organization: pool.organization,
    apiTokenSecret: pool.apiTokenSecret,
    maxAgents: pool.maxAgents,
    ...(pool.standbyMs !== undefined && { standbySeconds: pool.standbyMs / 1000 }),
    lanes: pool.lanes.map(({ family, accepts, spot }, index) => ({
      taskDefinition: family,
      ...(pool.lanes.length > 1 && { phases: accepts.filter((kind) => kind !== 'hidden') }),
      ...(spot && { capacity: 'spot' as const }),
      ...(!accepts.includes('hidden') && { policies: false as const }),
      ...maxJobHoursOf(pool, accepts),
      ...(index === 0 && standingOf(pool)),
    })),
  }));
  return {
    [ENV.hostname]: 'app.terraform.io',
    [ENV.organization]: 'org-main',
    [ENV.apiTokenSecret]: 'secret-main',
    [ENV.agentPools]: JSON.stringify(pools),
    [ENV.cluster]: 'agents',
    [ENV.subnets]: 'subnet-1,subnet-2',
    [ENV.securityGroups]: 'sg-1',
    [ENV.activePollSeconds]: String(settings.activePollMs / 1000),
    ...(settings.idlePollMs !== undefined && { [ENV.idlePollSeconds]: String(settings.idlePollMs / 1000) }),
    [ENV.startDeadlineSeconds]: String(settings.startDeadlineMs / 1000),
    ...(settings.gateways !== undefined && {
      [ENV.gateways]: JSON.stringify(gatewayEnvironments(settings.gateways)),
      [ENV.gatewayIdleMinutes]: String(settings.gateways.idleMinutes),
      [ENV.gatewayStart]: settings.gateways.start,
    }),
    ...(settings.agentsCeiling !== undefined && { [ENV.agentsCeiling]: String(settings.agentsCeiling) }),
  };
}
