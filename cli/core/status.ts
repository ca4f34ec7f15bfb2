/** Concludes the status of a launcher from what AWS and HCP Terraform show. */
import type { PoolLine, TaskEndedLine, TickLine } from '../../functions/launcher/log-lines.ts';
import { duration } from './durations.ts';
import { gatewayProblemsIn, gatewaysIn } from './gateways.ts';
import { pauseOf } from './paused.ts';
import { liveIn, type Trouble, troublesOf } from './pool-trouble.ts';
import { silentAfterMs } from './schedule.ts';
import { counted } from './sentences.ts';
import { type BusyJob, slotsText } from './slots.ts';
import { lastDeployment } from './stack-status.ts';
import type { PoolStatus, Status } from './status-json.ts';
import { invocationOf, pauseFactsOf, type Switches } from './switches.ts';
import { isEnding } from './task-status.ts';
import { describeError, remedyOfError, type TickError } from './tick-errors.ts';
import { type OtherPool, type UnservedText, unservedText } from './unserved.ts';

/** Something that was read, or why it could not be read. */
export type Reading<T> = { readonly value: T } | { readonly failure: string };

/** A pool as it is configured. */
export interface ConfiguredPool {
  readonly name: string;
  readonly maxAgents: number;
  /** Families of the task definitions of its lanes. */
  readonly families: readonly string[];
}

/** A pool as HCP Terraform shows it. */
export interface ObservedPool {
  readonly agents: Reading<
    readonly { readonly name: string; readonly status: 'idle' | 'busy' | 'unknown' | 'errored' | 'exited' }[]
  >;
  /** `undefined`: not read on purpose, because the log has the number. */
  readonly queue: Reading<{ readonly count: number; readonly oldestAtMs: number | undefined }> | undefined;
  /** The jobs that its agents execute; read only if the pool is full. */
  readonly busy?: Reading<readonly BusyJob[]> | undefined;
}

export interface ObservedTask {
  readonly id: string;
  readonly family: string;
  readonly lastStatus: string;
  readonly desiredStatus: string;
  readonly createdAtMs: number | undefined;
  /** What the task was started for: `run-…/plan`, or the key of a warm agent or a sweep. */
  readonly startedBy?: string | undefined;
}

export interface StatusInput {
  readonly nowMs: number;
  readonly stack: Status['stack'];
  /** Name of the schedule. */
  readonly schedule: string;
  readonly pools: readonly ConfiguredPool[];
  readonly startDeadlineMs: number;
  readonly switches: Reading<Switches>;
  readonly tick: Reading<TickLine | undefined>;
  readonly tasks: Reading<{ readonly live: readonly ObservedTask[]; readonly ids: ReadonlySet<string> }>;
  /** By the pool's name; `failure` if there is no token. */
  readonly hcpTerraform: Reading<ReadonlyMap<string, ObservedPool>>;
  /** Runs that wait in other pools without agents; `undefined`: not read, or the token may not see them. */
  readonly unserved?: readonly OtherPool[] | undefined;
  readonly alarms: Reading<
    readonly { readonly name: string; readonly state: string; readonly since: string | undefined }[]
  >;
  /** Tasks that ended since `todayMs`. */
  readonly ended: Reading<readonly TaskEndedLine[]>;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Maximum number of errors of one tick that are shown. */
const ERRORS_SHOWN = 5;

/** Midnight UTC of the day. */
export function dayStartMs(nowMs: number): number {
  return Math.floor(nowMs / DAY_MS) * DAY_MS;
}

export function statusOf(input: StatusInput): Status {
  const { nowMs, stack } = input;
  const tick = valueIn(input.tick);
  const pools = input.pools.map((pool) => poolStatus(pool, input));
  const alarms = valueIn(input.alarms);
  const on = (alarms ?? []).filter(({ state }) => state === 'ALARM');
  const ended = valueIn(input.ended);
  return {
    at: new Date(nowMs).toISOString(),
    stack,
    launcher: {
      state: launcherState(input),
      version: tick?.version ?? null,
      schedule: valueIn(input.switches)?.schedule.expression ?? null,
      lastTick:
        tick === undefined
          ? null
          : {
              at: tick.timestamp,
              secondsAgo: secondsSince(Date.parse(tick.timestamp), nowMs),
              durationMs: tick.durationMs,
              errors: errorCount(tick),
            },
    },
    pools,
    gateways: tick === undefined ? [] : gatewaysIn(tick),
    alarms:
      alarms === undefined
        ? null
        : { total: alarms.length, on: on.map(({ name, since }) => ({ name, since: since ?? null })) },
    today: ended === undefined ? null : todayOf(ended, dayStartMs(nowMs)),
    problems: [
      ...problemsOf(input, tick),
      ...unservedProblems(input),
      ...on.map(({ name }) => alarmProblem(name)),
      ...unread(input),
    ],
    notes: notesOf(input),
  };
}

function launcherState(input: StatusInput): Status['launcher']['state'] {
  const switches = valueIn(input.switches);
  const invocation = switches === undefined ? undefined : invocationOf(switches);
  if (invocation === 'paused') return 'paused';
  if (invocation === 'partly') return 'partly-paused';
  if ('failure' in input.tick) return 'unknown';
  const tick = input.tick.value;
  if (tick === undefined) return 'silent';
  const silent = input.nowMs - Date.parse(tick.timestamp) > silentAfterMs(switches?.schedule.expression);
  if (silent) return 'silent';
  return errorCount(tick) > 0 ? 'failing' : 'running';
}

function poolStatus(pool: ConfiguredPool, input: StatusInput): PoolStatus {
  const { nowMs } = input;
  const line = valueIn(input.tick)?.pools.find(({ pool: name }) => name === pool.name);
  const observed = valueIn(input.hcpTerraform)?.get(pool.name);
  const own = (valueIn(input.tasks)?.live ?? []).filter(({ family }) => pool.families.includes(family));
  const queue = observed?.queue === undefined ? undefined : valueIn(observed.queue);
  const agents = observed === undefined ? undefined : valueIn(observed.agents);
  const up = own.filter((task) => !isEnding(task));
  const leaving = own.length - up.length;
  const base = { name: pool.name, maxAgents: pool.maxAgents, ...queued(queue, line, nowMs) };
  if (agents !== undefined && 'value' in input.tasks) {
    const states = up.map((task) => stateOf(task, agents, input));
    const number = (state: TaskState) => states.filter((one) => one === state).length;
    const { ids } = input.tasks.value;
    return {
      ...base,
      starting: number('starting'),
      busy: number('busy'),
      idle: number('idle'),
      unknown: number('unknown'),
      leaving: leaving + number('leaving'),
      foreign: agents.filter(({ name, status }) => !ids.has(name) && (status === 'idle' || status === 'busy')).length,
      live: states.length - number('leaving'),
      agentsFrom: 'hcp-terraform',
    };
  }
  return { ...base, leaving, live: up.length, ...loggedAgents(line) };
}

function queued(
  queue: { readonly count: number; readonly oldestAtMs: number | undefined } | undefined,
  line: PoolLine | undefined,
  nowMs: number,
): Pick<PoolStatus, 'queued' | 'oldestQueuedSeconds' | 'queueFrom'> {
  if (queue !== undefined) {
    const oldest = queue.oldestAtMs === undefined ? null : secondsSince(queue.oldestAtMs, nowMs);
    return { queued: queue.count, oldestQueuedSeconds: oldest, queueFrom: 'hcp-terraform' };
  }
  if (line?.queued !== undefined) {
    return { queued: line.queued, oldestQueuedSeconds: line.oldestQueuedSeconds ?? null, queueFrom: 'log' };
  }
  return { queued: null, oldestQueuedSeconds: null, queueFrom: 'nowhere' };
}

/** The states of the agents as the launcher's last tick saw them. */
function loggedAgents(
  line: PoolLine | undefined,
): Pick<PoolStatus, 'starting' | 'busy' | 'idle' | 'unknown' | 'foreign' | 'agentsFrom'> {
  const live = line?.live;
  if (live === undefined) {
    return { starting: null, busy: null, idle: null, unknown: null, foreign: null, agentsFrom: 'nowhere' };
  }
  const number = (...states: string[]) => states.reduce((sum, state) => sum + (live[state] ?? 0), 0);
  return {
    starting: number('starting'),
    busy: number('busy'),
    idle: number('idle'),
    unknown: number('unresponsive', 'errored', 'overdue', 'unobserved'),
    foreign: line?.foreignIdle ?? null,
    agentsFrom: 'log',
  };
}

type TaskState = 'starting' | 'busy' | 'idle' | 'unknown' | 'leaving';

function stateOf(
  task: ObservedTask,
  agents: readonly { readonly name: string; readonly status: string }[],
  { nowMs, startDeadlineMs }: StatusInput,
): TaskState {
  // An agent that registered again has several rows. The most active one counts.
  const statuses = agents.filter(({ name }) => name === task.id).map(({ status }) => status);
  if (statuses.includes('busy')) return 'busy';
  if (statuses.includes('idle')) return 'idle';
  if (statuses.length === 0) {
    return task.createdAtMs !== undefined && nowMs - task.createdAtMs > startDeadlineMs ? 'unknown' : 'starting';
  }
  return statuses.every((status) => status === 'exited') ? 'leaving' : 'unknown';
}

function todayOf(ended: readonly TaskEndedLine[], sinceMs: number): NonNullable<Status['today']> {
  return {
    since: new Date(sinceMs).toISOString(),
    tasks: ended.length,
    runs: new Set(ended.flatMap(({ run }) => run ?? [])).size,
    failed: ended.filter(({ outcome }) => outcome !== 'ended' && outcome !== 'stopped').length,
    dollars: ended.reduce((sum, { dollars }) => sum + dollars, 0),
  };
}

type Problem = Status['problems'][number];

function* problemsOf(input: StatusInput, tick: TickLine | undefined): Iterable<Problem> {
  const { nowMs, stack, switches } = input;
  if (['rolled-back', 'broken'].includes(lastDeployment(stack.status))) {
    yield {
      what: `The last deployment failed: the stack is ${stack.status}.`,
      do: `Check the stack's events, and deploy again.`,
    };
  }
  const state = launcherState(input);
  const pause = 'value' in switches ? pauseOf(pauseFactsOf(switches.value, input.schedule)) : undefined;
  if (pause !== undefined) yield { what: pause.what, do: pause.todo.join(' ') };
  if (state === 'silent') {
    const since =
      tick === undefined ? '' : ` The last one was ${secondsSince(Date.parse(tick.timestamp), nowMs)} s ago.`;
    yield {
      what: `The launcher is silent: it should tick, but doesn't.${since}`,
      do: 'Run `agent-launcher doctor`. Background: docs/runbook.md, "Launcher silent".',
    };
  }
  if (tick === undefined || state === 'silent') return;
  const errors = errorsOf(tick);
  for (const { pool, error } of errors.slice(0, ERRORS_SHOWN)) {
    yield { what: `Pool ${pool}: ${describeError(error)}`, do: remedyOfError(error) };
  }
  const more = errors.length - ERRORS_SHOWN;
  if (more > 0) {
    yield {
      what: `The last tick had ${counted(more, 'more error')}.`,
      do: "See the launcher's log for all of them.",
    };
  }
  yield* gatewayProblemsIn(tick);
  for (const { trouble } of troublesIn({ pools: input.pools, region: input.stack.region }, tick)) {
    if (needsRepair(trouble)) yield { what: trouble.what, do: trouble.todo };
  }
}

/** Number of errors of the last tick. */
function errorCount(tick: TickLine): number {
  return errorsOf(tick).length + (tick.gatewayErrors?.length ?? 0);
}

/** Errors of the last tick in its pools. The same error of several pools counts once for each pool. */
function errorsOf(tick: TickLine): { pool: string; error: TickError }[] {
  return tick.pools.flatMap(({ pool, errors = [] }) => errors.map((error) => ({ pool, error })));
}

/** Pools that have no free slot, by the last tick. */
export function fullPools(
  pools: readonly ConfiguredPool[],
  tick: TickLine | undefined,
  region: string,
): ReadonlySet<string> {
  const full =
    tick === undefined ? [] : troublesIn({ pools, region }, tick).filter(({ trouble }) => trouble.kind === 'full');
  return new Set(full.map(({ pool }) => pool.name));
}

function troublesIn(
  { pools, region }: { readonly pools: readonly ConfiguredPool[]; readonly region: string },
  tick: TickLine,
): { readonly pool: ConfiguredPool; readonly trouble: Trouble }[] {
  const liveOfAll = tick.pools.reduce((sum, line) => sum + liveIn(line), 0);
  return pools.flatMap((pool) => {
    const line = tick.pools.find(({ pool: name }) => name === pool.name);
    if (line === undefined) return [];
    return troublesOf(line, { ...pool, region, liveOfAll }).map((trouble) => ({ pool, trouble }));
  });
}

function needsRepair({ kind }: Trouble): boolean {
  return kind === 'refused' || kind === 'start-failures';
}

/** A job that waits for a slot or another limit isn't a problem, but the reason must be visible. */
function waitingNotes(input: StatusInput): string[] {
  const tick = valueIn(input.tick);
  if (tick === undefined || launcherState(input) === 'silent') return [];
  return troublesIn({ pools: input.pools, region: input.stack.region }, tick).flatMap(({ pool, trouble }) =>
    needsRepair(trouble)
      ? []
      : [[trouble.what, trouble.kind === 'full' ? slotsOf(pool, input) : '', trouble.todo].filter(Boolean).join(' ')],
  );
}

/** What the live tasks of the pool do. */
function slotsOf({ name, families }: ConfiguredPool, { tasks, hcpTerraform, nowMs }: StatusInput): string {
  const slots = (valueIn(tasks)?.live ?? [])
    .filter((task) => families.includes(task.family) && !isEnding(task))
    .map(({ id, startedBy = 'an unknown job', createdAtMs }) => ({ taskId: id, startedFor: startedBy, createdAtMs }));
  const busy = valueIn(hcpTerraform)?.get(name)?.busy;
  return slotsText(slots, busy && valueIn(busy), nowMs);
}

/** Runs that nobody serves are a problem after some minutes, and a note before. */
function unservedTexts({ unserved = [], nowMs }: StatusInput): UnservedText[] {
  return unserved.filter(({ waiting }) => waiting.length > 0).map((pool) => unservedText(pool, nowMs));
}

function unservedProblems(input: StatusInput): Problem[] {
  return unservedTexts(input).flatMap(({ what, isLong, todo }) => (isLong ? [{ what, do: todo.join(' ') }] : []));
}

function unservedNotes(input: StatusInput): string[] {
  return unservedTexts(input).flatMap(({ what, isLong, todo }) => (isLong ? [] : [`${what} ${todo.join(' ')}`]));
}

function alarmProblem(name: string): Problem {
  const [, heading = name] = /: ([^(]+?)(?: \(.*\))?$/.exec(name) ?? [];
  return { what: `The alarm is on: ${name}.`, do: `Runbook: docs/runbook.md, "${heading}".` };
}

/** What AWS did not answer. It may hide a problem. */
function unread(input: StatusInput): Problem[] {
  const readings = [input.switches, input.tick, input.tasks, input.alarms, input.ended];
  const failures = readings.flatMap((reading) => ('failure' in reading ? [reading.failure] : []));
  return [...new Set(failures)].map((failure) => ({ what: 'Part of the status could not be read.', do: failure }));
}

function* missing(input: StatusInput): Iterable<string> {
  if ('failure' in input.hcpTerraform) {
    yield `${input.hcpTerraform.failure} The queue and the agents are from the launcher's last tick.`;
    return;
  }
  for (const [name, { agents, queue, busy }] of input.hcpTerraform.value) {
    for (const reading of [agents, queue, busy]) {
      if (reading !== undefined && 'failure' in reading) yield `Pool ${name}: ${reading.failure}`;
    }
  }
}

function notesOf(input: StatusInput): string[] {
  const warnings = valueIn(input.tick)?.pools.flatMap(({ pool, warning }) =>
    warning === undefined ? [] : [`Pool ${pool}: ${warning}`],
  );
  const updating =
    lastDeployment(input.stack.status) === 'changing'
      ? [`A deployment is in progress: the stack is ${input.stack.status}.`]
      : [];
  const old = valueIn(input.tick)?.pools.flatMap(oldTaskNote);
  return [
    ...updating,
    ...waitingNotes(input),
    ...unservedNotes(input),
    ...(old ?? []),
    ...missing(input),
    ...(warnings ?? []),
  ];
}

/** From this age, a task is worth a note, although its job may still need the time. */
const OLD_TASK_SECONDS = 12 * 60 * 60;

function oldTaskNote({ pool, oldestTask }: PoolLine): string[] {
  if (oldestTask === undefined || oldestTask.seconds < OLD_TASK_SECONDS) return [];
  const { task, seconds, job = 'no run shows its job' } = oldestTask;
  return [
    `Pool ${pool}: task ${task} has been at work for ${duration(seconds * 1000)} (${job}). If its job hangs, see docs/runbook.md, "A task runs too long".`,
  ];
}

function valueIn<T>(reading: Reading<T>): T | undefined {
  return 'value' in reading ? reading.value : undefined;
}

function secondsSince(atMs: number, nowMs: number): number {
  return Math.max(0, Math.round((nowMs - atMs) / 1000));
}
