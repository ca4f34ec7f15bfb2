/**
 * Reports a tick: one log line, warnings, and metrics.
 *
 * Every tick writes a log line. A warning appears when its cause is new, and is not repeated in every tick. The function remembers the
 * reported warnings only while it is warm, so a cold start can repeat them.
 */
import { LOG_MESSAGES } from './contract.ts';
import { isStanding } from './core/standing.ts';
import { type EndNews, TaskEnds } from './core/task-ends.ts';
import type { OutOfMemory, Task } from './core/types.ts';
import { DEAD_AGENT_SHOWN_MS, READ_LAG_MS } from './core/vendor-timing.ts';
import { FirstSeen } from './first-seen.ts';
import { OtherLaunchers, type Sighting } from './other-launchers.ts';
import type { PollBudget, Pool } from './ports.ts';
import { boundedWith, type MetricsSink, TickMetrics } from './report-metrics.ts';
import { describeTaskEnd } from './task-ended-line.ts';
import type { PoolTick, Tick } from './tick.ts';
import { describeTick } from './tick-line.ts';

type Log = (message: string, attributes: Record<string, unknown>) => void;

/** The parts of Powertools' logger and metrics that {@link TickReport} uses. */
export interface ReportParts {
  readonly logger: { readonly info: Log; readonly warn: Log; readonly error: Log };
  readonly metrics: MetricsSink;
  readonly pollBudget: () => PollBudget;
  /** Interval between scheduled invocations. */
  readonly scheduleMs: number;
}

/**
 * A task that ran out of memory is reported if it stopped at most this long ago: until ECS must show the end, but only while the run
 * still shows the task's agent. A cold start within this time reports the task again.
 */
const FRESH_END_MS = Math.min(READ_LAG_MS, DEAD_AGENT_SHOWN_MS);

export class TickReport {
  readonly #parts: ReportParts;
  readonly #metrics: TickMetrics;
  #statusesReported = new Set<string>();
  /** Ids of tasks that have been reported as out of memory. */
  #endsReported = new Set<string>();
  readonly #otherLaunchers = new OtherLaunchers();
  /** Names of pools whose runs the last poll didn't read completely. */
  readonly #truncated = new Set<string>();
  /** The problems of gateways in the last tick that could read them. */
  #gatewayProblems: ReadonlySet<string> = new Set();
  readonly #firstSeen = new FirstSeen();
  readonly #ends: TaskEnds;

  constructor(parts: ReportParts) {
    this.#parts = parts;
    this.#metrics = new TickMetrics(parts.metrics, parts.pollBudget);
    this.#ends = new TaskEnds(parts.scheduleMs);
  }

  report(tick: Tick): void {
    const { logger, pollBudget } = this.#parts;
    const firstSeen = this.#firstSeen.inTick(tick);
    const sightings = new Map(tick.pools.map((part) => [part, this.#otherLaunchers.look(part, tick.startedAtMs)]));
    const foreign = new Map([...sightings].map(([part, sighting]) => [part.pool.name, sighting.foreign]));
    const line = describeTick(tick, { runListRequests: pollBudget().usedInLastMinute, firstSeen, foreign });
    const hasErrors = [...tick.pools, tick.gateways].some((part) => (part?.errors.length ?? 0) > 0);
    if (hasErrors) logger.error(LOG_MESSAGES.tickWithErrors, line);
    else logger.info(LOG_MESSAGES.tick, line);
    this.#warnOfGateways(tick);
    this.#warnOfUnknownStatuses(tick);
    if (tick.isExtra !== true) this.#ends.tickStarted(tick.startedAtMs);
    for (const [part, sighting] of sightings) {
      this.#warnOfUnreadRuns(part);
      this.#warnOfOtherLaunchers(part, sighting);
      const outOfMemory = this.#warnOfOutOfMemory(part, tick.startedAtMs);
      const { agents, foreign } = sighting;
      const counts = { otherLaunchersAgents: agents.length, foreignAgents: foreign.idle.length + foreign.busy.length };
      this.#metrics.pool(part, { ...counts, outOfMemory }, tick.startedAtMs);
      this.#metrics.ends(part.pool, this.#reportEnds(part, tick).counted);
    }
    this.#metrics.tick(tick);
  }

  /** Reports that idle polling ends until the next scheduled invocation. It counts as a failed tick, so that an alarm reports it if it lasts. */
  wakeUpNotSent({ system, fault, message }: PoolTick['errors'][number]): void {
    this.#parts.logger.error('wake-up not sent', { system, fault, message });
    this.#metrics.failure();
  }

  /** Logs each task that has ended, once. @returns the newly logged tasks, and those to count. */
  #reportEnds({ pool, demand, observation, launches }: PoolTick, { isExtra, startedAtMs }: Tick): EndNews {
    const launched = launches.flatMap((outcome) => {
      if (outcome.kind !== 'launched' || isStanding(outcome.launch.job)) return [];
      const { queuedAtMs, workspaceId } = outcome.launch.job;
      return [{ taskId: outcome.taskId, queuedAtMs, workspaceId }];
    });
    const { endedPlans = [], running = [] } = demand ?? {};
    this.#ends.saw({ running: [...endedPlans, ...running], launched });
    if (isExtra === true || observation === undefined) return { logged: [], counted: [] };
    const failed = new Set(observation.supply.startFailures.map(({ task }) => task.id));
    const news = this.#ends.news(observation.ended ?? [], failed, startedAtMs);
    for (const end of news.logged) this.#parts.logger.info(LOG_MESSAGES.taskEnded, describeTaskEnd(pool, end));
    return news;
  }

  /** Warns of each problem of a gateway when it appears. */
  #warnOfGateways({ gateways }: Tick): void {
    if (gateways === undefined || gateways.views.length === 0) return;
    const keyOf = ({ gateway, cause }: (typeof gateways.problems)[number]): string => `${gateway} ${cause}`;
    for (const problem of gateways.problems) {
      if (!this.#gatewayProblems.has(keyOf(problem)))
        this.#parts.logger.warn(LOG_MESSAGES.gatewayProblem, { ...problem });
    }
    this.#gatewayProblems = new Set(gateways.problems.map(keyOf));
  }

  #warnOfUnknownStatuses({ pools }: Tick): void {
    for (const status of pools.flatMap(({ demand }) => demand?.unknownStatuses ?? [])) {
      if (this.#statusesReported.has(status)) continue;
      this.#statusesReported.add(status);
      this.#parts.logger.warn('unknown run status: the launcher starts no agents for runs in this status', { status });
    }
  }

  /** Warns once per pool until a poll reads all of its runs again. */
  #warnOfUnreadRuns({ pool, demand, unread }: PoolTick): void {
    if (demand === undefined) return;
    if (unread === undefined) this.#truncated.delete(pool.name);
    else if (!this.#truncated.has(pool.name)) {
      this.#truncated.add(pool.name);
      this.#parts.logger.warn('the list of open runs is too long to be read within one poll', {
        pool: pool.name,
        unread,
        remedy: UNREAD_REMEDIES[unread],
      });
    }
  }

  #warnOfOtherLaunchers({ pool }: PoolTick, { agents, isNews }: Sighting): void {
    if (!isNews) return;
    this.#parts.logger.warn('another launcher seems to serve this pool', {
      pool: pool.name,
      agents,
      remedy:
        'these agents are named like ECS tasks, but no such tasks are in this cluster. Delete the other stack, or give each stack its ' +
        'own pool (docs/runbook.md, "Two launchers on one pool")',
    });
  }

  /** Reports each task that ran out of memory, once. @returns the number of newly reported tasks. */
  #warnOfOutOfMemory({ pool, observation }: PoolTick, nowMs: number): number {
    const fresh = (observation?.supply.outOfMemory ?? []).filter(
      ({ task }) => nowMs - (task.stoppedAtMs ?? nowMs) <= FRESH_END_MS && !this.#endsReported.has(task.id),
    );
    for (const end of fresh) {
      this.#endsReported = boundedWith(this.#endsReported, end.task.id);
      this.#parts.logger.warn(LOG_MESSAGES.outOfMemory, describeOutOfMemory(pool, end));
    }
    return fresh.length;
  }
}

/** What to do if a poll didn't read all runs. */
const UNREAD_REMEDIES: Readonly<Record<NonNullable<PoolTick['unread']>, string>> = {
  'post-plan-runs':
    'all jobs were read, but not all runs in a post-plan status, so some runs may get no agent for their policy sets. Cancel ' +
    'or discard runs that are stuck after their plan (docs/runbook.md, "A run stays in a post-plan status")',
  'queued-jobs':
    'the launcher serves the newest jobs first and older jobs later (docs/runbook.md, "A job waits too long"). Raise ' +
    'maxAgents if the queue keeps growing, or move workspaces to another pool',
};

function describeOutOfMemory(pool: Pool, { task, sign, jobKey }: OutOfMemory): Record<string, unknown> {
  return {
    pool: pool.name,
    task: task.id,
    job: jobKey ?? task.startedBy,
    ...(jobKey === undefined && {
      jobIs: 'the job that the task was launched for; its agent may have run a different job',
    }),
    sign,
    memoryMiB: task.memoryMiB,
    remedy: `the task ran out of memory. Raise ${sizeSettingOf(pool, task)} (agent-image/README.md says how much memory agents need)`,
  };
}

/** The setting that determines the task's memory. */
function sizeSettingOf({ name, lanes }: Pool, task: Task): string {
  const phase =
    lanes.length > 1 ? lanes.find(({ taskDefinition }) => taskDefinition === task.family)?.phases[0] : undefined;
  return phase === undefined ? `memoryMiB of pool ${name}` : `phases.${phase}.memoryMiB of pool ${name}`;
}
