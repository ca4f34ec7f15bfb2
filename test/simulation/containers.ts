import { LEFT_IDLE_EXIT_CODE } from '../../functions/launcher/core/types.ts';
import type {
  ContainerEvents,
  ContainerLaunch,
  PullResult,
  RunningContainer,
  TaskRunner,
} from '../../local/ecs/core/runner.ts';
import { OUT_OF_MEMORY } from '../../local/ecs/core/wording.ts';
import type { EcsWorld, SimulatedTask } from './ecs-world.ts';
import type { Faults } from './faults.ts';
import type { GatewayWorld } from './gateway-world.ts';
import type { Agent, Job } from './hcp-records.ts';
import type { HcpWorld } from './hcp-world.ts';
import type { Random } from './random.ts';
import type { FaultKind, WorldSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';

const SECOND = 1000;

/** ECS's message if it can't reach the registry. */
const NO_PULL =
  'CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to do request: dial tcp: i/o timeout';

/** How often an agent without a network tries to register. */
const REGISTERS_AGAIN_MS = 5 * SECOND;

/** How often an agent without a job asks for one. */
const POLL_MS = 30 * SECOND;

const START_FAULTS = [
  'start-image',
  'start-secret',
  'start-eni',
  'start-out-of-memory',
  'start-exit-1',
  'start-exit-0',
  'start-never-registers',
  'start-registers-then-exits',
  'start-takes-no-job',
  'start-registers-twice',
  'start-exit-0-late',
  'start-leaves-early',
  'start-slow',
] as const satisfies readonly FaultKind[];

/** The parts of the world that agents use. */
export interface Surroundings {
  readonly time: VirtualTime;
  readonly settings: WorldSettings;
  readonly random: Random;
  readonly faults: Faults;
  readonly hcp: HcpWorld;
  /** Absent: every task reaches the internet. */
  readonly gateways?: Pick<GatewayWorld, 'count' | 'works'> | undefined;
}

/** A task that runs in a container, with the fault of its start. */
interface Guest {
  readonly task: SimulatedTask;
  readonly ecs: EcsWorld;
  readonly fault: FaultKind | undefined;
  /** The gateway of the task's zone. */
  readonly gateway: number;
}

/** Runs the containers of tasks in virtual time, with faults of images, containers and agents. */
export class Containers implements TaskRunner {
  readonly #in: Surroundings;
  readonly #guests = new Map<string, Guest>();
  readonly #processes = new Map<string, AgentProcess>();
  #foreignCount = 0;

  constructor(surroundings: Surroundings) {
    this.#in = surroundings;
  }

  /** Picks a process of the pool whose agent is registered and not known to be lost. */
  among(pool: string, random: Random): AgentProcess | undefined {
    return random.among([...this.#processes.values()].filter((process) => process.pool === pool && !process.over));
  }

  /** Whether the task's agent has a job that HCP Terraform still counts as running. */
  runsJob(task: SimulatedTask): boolean {
    return this.#processes.get(task.id)?.agent.job !== undefined;
  }

  agentOf(task: SimulatedTask): Agent | undefined {
    return this.processOf(task)?.agent;
  }

  /** The agent's process in this task; `undefined` until the agent has registered. */
  processOf(task: SimulatedTask): AgentProcess | undefined {
    return this.#processes.get(task.id);
  }

  /** Draws how long each part of a new task's start takes, and whether the start fails. */
  prepare(task: SimulatedTask, ecs: EcsWorld): void {
    const { random, faults } = this.#in;
    const fault = faults.hit(START_FAULTS, task.pool, task.family);
    if (fault !== undefined && fault !== 'start-slow' && fault !== 'start-registers-twice') task.startFault = fault;
    const { gateways } = this.#in;
    const gateway = gateways === undefined ? 0 : random.whole(0, gateways.count - 1);
    this.#guests.set(task.id, { task, ecs, fault, gateway });
    const slow = fault === 'start-slow' ? random.between(3, 7) : 1;
    const usual = {
      provisionMs: random.between(4, 12) * SECOND * slow,
      pullMs: random.between(8, 30) * SECOND * slow,
      bootMs: random.between(200, 2000),
      deprovisionMs: random.between(4, 25) * SECOND,
    };
    task.phases = usual;
    if (gateways !== undefined) this.#needsNetwork(task, ecs, gateway);
    switch (fault) {
      case 'start-eni':
        task.phases = { ...usual, provisionMs: usual.provisionMs + random.between(15, 80) * SECOND };
        ecs.failStart(task, 'provision', 'Timeout waiting for network interface provisioning to complete.');
        return;
      case 'start-image':
        task.phases = { ...usual, pullMs: random.between(3, 60) * SECOND };
        ecs.failStart(
          task,
          'pull',
          'CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref',
        );
        return;
      case 'start-secret':
        task.phases = { ...usual, pullMs: random.between(3, 20) * SECOND };
        ecs.failStart(
          task,
          'pull',
          'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed',
        );
    }
  }

  /** Without a gateway, the image can't be pulled. It is unknown how long the pull waits for one. */
  #needsNetwork(task: SimulatedTask, ecs: EcsWorld, gateway: number): void {
    const { time, settings } = this.#in;
    const waitsMs = settings.gateways?.pullWaitsMs ?? 0;
    const fails = (at: 'pull' | 'start'): void => {
      if (task.startFault !== undefined) return;
      task.startFault = 'no-gateway';
      ecs.failStart(task, at, NO_PULL);
    };
    time.after(task.phases.provisionMs, () => {
      if (task.desiredStatus === 'STOPPED' || this.#reaches(gateway)) return;
      if (waitsMs === 0) {
        fails('pull');
        return;
      }
      task.phases = { ...task.phases, pullMs: task.phases.pullMs + waitsMs };
      time.after(waitsMs, () => {
        if (task.desiredStatus === 'RUNNING' && !this.#reaches(gateway)) fails('start');
      });
    });
  }

  #reaches(gateway: number): boolean {
    return this.#in.gateways?.works(gateway) ?? true;
  }

  /** Tasks begin or cease to reach the internet through a gateway. */
  networkChanged(gateway: number, works: boolean): void {
    for (const guest of this.#guests.values()) {
      const process = guest.gateway === gateway ? this.#processes.get(guest.task.id) : undefined;
      if (works) process?.reconnect();
      else process?.disconnect();
    }
  }

  pull(image: string, done: (result: PullResult) => void): void {
    done({ digest: `sha256:${image}` });
  }

  start({ taskId }: ContainerLaunch, events: ContainerEvents): RunningContainer {
    const guest = this.#guests.get(taskId);
    if (guest === undefined) throw new Error(`Task ${taskId} was not prepared`);
    const container = new MainProcess(this.#in, guest, events);
    this.#in.time.after(0, () => {
      events.started();
      this.#run(guest, container);
    });
    return container;
  }

  cleanUp(taskId: string): void {
    this.#guests.delete(taskId);
  }

  /** The container's main process starts. */
  #run({ task, fault, gateway }: Guest, container: MainProcess): void {
    const { random, time, hcp, settings } = this.#in;
    const { singleAgents = true } = settings;
    const ends = (afterMs: number, exitCode: number, reason?: string): void =>
      time.after(afterMs, () => container.ends(exitCode, reason));
    switch (fault) {
      case 'start-out-of-memory':
        ends(random.between(2, 8) * SECOND, 137, OUT_OF_MEMORY);
        return;
      case 'start-exit-1':
        ends(random.between(2, 25) * SECOND, 1);
        return;
      case 'start-exit-0':
        ends(random.between(1, 6) * SECOND, 0);
        return;
      case 'start-exit-0-late':
        ends(random.between(15, 90) * SECOND, 0);
        return;
      case 'start-never-registers': {
        const hangs = random.chance(0.5);
        if (hangs) container.onSigterm = () => {};
        else ends(task.idleWindowMs, random.pick([0, 1]));
        return;
      }
    }
    const register = (): void => {
      if (task.over || task.desiredStatus === 'STOPPED') return;
      if (!this.#reaches(gateway)) {
        time.after(REGISTERS_AGAIN_MS, register);
        return;
      }
      if (fault === 'start-registers-twice') {
        const first = hcp.register(task.id, task.pool, task.lane.accepts);
        if (first !== undefined) hcp.deregister(first);
      }
      const agent = hcp.register(task.id, task.pool, task.lane.accepts, singleAgents);
      // If HCP Terraform refuses the agent, the agent ends with an error.
      if (agent === undefined) {
        ends(random.between(1, 4) * SECOND, 1);
        return;
      }
      task.registeredAtMs = time.now();
      const process = new AgentProcess(this.#in, agent, task.pool, singleAgents, (exitCode) =>
        container.exits(exitCode),
      );
      this.#processes.set(task.id, process);
      container.onSigterm = () => process.terminate();
      container.onSigkill = () => process.kill();
      if (fault === 'start-registers-then-exits') time.after(random.between(1, 20) * SECOND, () => process.crash());
      else if (fault === 'start-leaves-early') time.after(random.between(10, 60) * SECOND, () => process.leaveIfIdle());
      else if (fault !== 'start-takes-no-job') process.poll();
      // The watchdog's first check ends the agent, unless it has a job by then.
      time.at((task.startedAtMs ?? 0) + task.idleWindowMs, () => process.leaveIfIdle());
    };
    time.after(random.between(1, 5) * SECOND, register);
  }

  /** Starts a foreign agent. */
  startForeign(pool: string, { single, picky, ms }: { single: boolean; picky: boolean; ms: number }): void {
    this.#foreignCount += 1;
    const name = `foreign-${this.#foreignCount}`;
    const agent = this.#in.hcp.register(name, pool, picky ? ['hidden'] : ['plan', 'apply', 'hidden'], single);
    if (agent === undefined) return;
    const process = new AgentProcess(this.#in, agent, pool, single, () => {});
    this.#processes.set(name, process);
    process.poll();
    this.#in.time.after(ms, () => process.terminate());
  }
}

/** The first process of a container. It reports its end to ECS. */
class MainProcess implements RunningContainer {
  readonly #in: Surroundings;
  readonly #guest: Guest;
  readonly #events: ContainerEvents;
  #over = false;
  /** Until the agent has registered, SIGTERM ends the process after two seconds. */
  onSigterm = (): void => this.#in.time.after(2 * SECOND, () => this.ends(143));
  onSigkill = (): void => this.ends(137);

  constructor(surroundings: Surroundings, guest: Guest, events: ContainerEvents) {
    this.#in = surroundings;
    this.#guest = guest;
    this.#events = events;
  }

  signal(name: 'SIGTERM' | 'SIGKILL'): void {
    if (name === 'SIGTERM') this.onSigterm();
    else this.onSigkill();
  }

  /** The process ends, and ECS notices it. */
  ends(exitCode: number, reason?: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.exited(exitCode, reason);
  }

  /** The agent ends. With a fault, ECS doesn't notice it until someone stops the task. */
  exits(exitCode: number): void {
    const { task, ecs } = this.#guest;
    const fault =
      task.desiredStatus === 'RUNNING'
        ? this.#in.faults.hit(['task-lingers', 'task-lingers-known'], task.pool, task.family)
        : undefined;
    if (fault === undefined) {
      this.ends(exitCode);
      return;
    }
    this.onSigterm = () => this.#in.time.after(2 * SECOND, () => this.ends(exitCode));
    this.onSigkill = () => this.ends(exitCode);
    ecs.lingers(task, fault === 'task-lingers-known' ? exitCode : undefined);
  }
}

/** A simulated `tfc-agent`. */
export class AgentProcess {
  readonly agent: Agent;
  readonly pool: string;
  readonly #in: Surroundings;
  readonly #single: boolean;
  readonly #exit: (code: number) => void;
  /** Whether the process has ended. */
  over = false;
  #leaving = false;
  /** Whether the agent's own connection fails, and whether its gateway doesn't work. */
  #cutOff = false;
  #disconnected = false;
  #frozen = false;
  #polls = 0;
  /** The result of a job, while the agent can't report it yet. */
  #unreported: { ok: boolean } | undefined;

  constructor(surroundings: Surroundings, agent: Agent, pool: string, single: boolean, exit: (code: number) => void) {
    this.#in = surroundings;
    this.agent = agent;
    this.pool = pool;
    this.#single = single;
    this.#exit = exit;
  }

  /** Asks for a job. If there is none, it asks again later. */
  poll(): void {
    if (this.over || this.#leaving || this.#isCutOff || this.agent.job !== undefined) return;
    this.#polls += 1;
    const poll = this.#polls;
    const job = this.#in.hcp.dequeue(this.agent);
    if (job !== undefined) {
      this.#work(job);
      return;
    }
    this.#in.time.after(POLL_MS, () => {
      if (poll === this.#polls) this.poll();
    });
  }

  #work(job: Job): void {
    const { time, random } = this.#in;
    let ended = false;
    const end = (ok: boolean): void => {
      if (ended || this.over || this.#frozen) return;
      ended = true;
      if (this.#isCutOff) this.#unreported = { ok };
      else this.#report(ok);
    };
    // The job never ends, and doesn't react if it is canceled.
    if (job.run?.what.hangs === job.kind) return;
    const failed = job.run?.what.fails === job.kind;
    job.interrupt = () => time.after(random.between(1, 5) * SECOND, () => end(true));
    time.after(job.durationMs, () => end(!failed));
  }

  #report(ok: boolean): void {
    this.#unreported = undefined;
    this.#in.hcp.finish(this.agent, ok);
    if (this.#single || this.#leaving) this.#leave(ok ? 0 : this.#in.settings.exitCodeAfterFailedJob, 3 * SECOND);
    else this.poll();
  }

  #leave(exitCode: number, afterMs: number): void {
    this.#leaving = true;
    this.#in.time.after(afterMs, () => {
      if (this.over) return;
      this.over = true;
      if (this.#isCutOff) this.#in.hcp.fallSilent(this.agent);
      else this.#in.hcp.deregister(this.agent);
      this.#exit(exitCode);
    });
  }

  /** The watchdog signals the agent. */
  leaveIfIdle(): void {
    if (!this.over && !this.#leaving && !this.#frozen && this.agent.job === undefined)
      this.#leave(LEFT_IDLE_EXIT_CODE, SECOND);
  }

  /** SIGTERM: the agent finishes its job, deregisters and exits. */
  terminate(): void {
    if (this.over) return;
    if (this.agent.job !== undefined || this.#unreported !== undefined) this.#leaving = true;
    else if (!this.#frozen) this.#leave(0, SECOND);
  }

  /** The agent deregisters and exits with an error. */
  crash(): void {
    if (!this.over && !this.#leaving) this.#leave(1, 0);
  }

  /** SIGKILL: the process ends immediately. */
  kill(): void {
    if (this.over) return;
    this.over = true;
    this.#in.hcp.fallSilent(this.agent);
    this.#exit(137);
  }

  /** The process hangs: it sends nothing and ignores SIGTERM. */
  freeze(): void {
    if (this.over) return;
    this.#frozen = true;
    this.#cutOff = true;
    this.#in.hcp.fallSilent(this.agent);
  }

  get #isCutOff(): boolean {
    return this.#cutOff || this.#disconnected;
  }

  /** The agent loses its network connection for a while. */
  cutOff(ms: number): void {
    if (this.over || this.#cutOff) return;
    this.#cutOff = true;
    this.#in.hcp.fallSilent(this.agent);
    this.#in.time.after(ms, () => {
      if (this.over || this.#frozen) return;
      this.#cutOff = false;
      this.#connected();
    });
  }

  /** The agent's gateway ceases to work. */
  disconnect(): void {
    if (this.over || this.#disconnected) return;
    this.#disconnected = true;
    this.#in.hcp.fallSilent(this.agent);
  }

  /** The agent's gateway works again. */
  reconnect(): void {
    if (!this.#disconnected) return;
    this.#disconnected = false;
    if (!this.over && !this.#frozen) this.#connected();
  }

  #connected(): void {
    if (this.#isCutOff) return;
    if (!this.#in.hcp.speaks(this.agent)) this.#leave(1, SECOND);
    else if (this.#unreported !== undefined) this.#report(this.#unreported.ok);
    else this.poll();
  }
}
