/**
 * Reports a tick: one log line, warnings, and metrics.
 *
 * The line is written for every tick. A warning is written when its cause is new: once until the cause is gone, or from time to time. What was
 * reported is kept as long as the function is warm, so a cold start may repeat a warning.
 */
import type { OutOfMemory, Task } from './core/types.ts';
import { OtherLaunchers } from './other-launchers.ts';
import type { PollBudget, Pool } from './ports.ts';
import { boundedWith, type MetricsSink, TickMetrics } from './report-metrics.ts';
import type { PoolTick, Tick } from './tick.ts';
import { describeTick } from './tick-line.ts';

type Log = (message: string, attributes: Record<string, unknown>) => void;

/** Parts of {@link TickReport}: what it uses of Powertools' logger and metrics. */
export interface ReportParts {
  readonly logger: { readonly info: Log; readonly warn: Log; readonly error: Log };
  readonly metrics: MetricsSink;
  readonly pollBudget: () => PollBudget;
}

/**
 * A task that ran out of memory is reported if it stopped at most this long ago: ECS's reads may be late by as much, and a run names its dead
 * agent for six minutes. A cold start within this time reports it again.
 */
const FRESH_END_MS = 5 * 60_000;

export class TickReport {
  readonly #parts: ReportParts;
  readonly #metrics: TickMetrics;
  #statusesReported = new Set<string>();
  /** Tasks whose lack of memory was reported. */
  #endsReported = new Set<string>();
  readonly #otherLaunchers = new OtherLaunchers();
  /** Names of pools whose runs the last poll didn't read to the end. */
  readonly #truncated = new Set<string>();

  constructor(parts: ReportParts) {
    this.#parts = parts;
    this.#metrics = new TickMetrics(parts.metrics, parts.pollBudget);
  }

  report(tick: Tick): void {
    const { logger, pollBudget } = this.#parts;
    const line = describeTick(tick, pollBudget().usedInLastMinute);
    if (tick.pools.every(({ errors }) => errors.length === 0)) logger.info('tick', line);
    else logger.error('tick with errors', line);
    this.#warnOfUnknownStatuses(tick);
    for (const part of tick.pools) {
      this.#warnOfUnreadRuns(part);
      const otherLaunchersAgents = this.#warnOfOtherLaunchers(part, tick.startedAtMs);
      const outOfMemory = this.#warnOfOutOfMemory(part, tick.startedAtMs);
      this.#metrics.pool(part, { otherLaunchersAgents, outOfMemory }, tick.startedAtMs);
    }
    this.#metrics.tick(tick);
  }

  #warnOfUnknownStatuses({ pools }: Tick): void {
    for (const status of pools.flatMap(({ demand }) => demand?.unknownStatuses ?? [])) {
      if (this.#statusesReported.has(status)) continue;
      this.#statusesReported.add(status);
      this.#parts.logger.warn('unknown run status: its runs are not treated as queued', { status });
    }
  }

  /** Warns once per pool until its runs are read to the end again. */
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

  /** @returns how many agents seem to belong to another launcher. */
  #warnOfOtherLaunchers(part: PoolTick, nowMs: number): number {
    const { agents, isNews } = this.#otherLaunchers.look(part, nowMs);
    if (isNews) {
      this.#parts.logger.warn('another launcher seems to serve this pool', {
        pool: part.pool.name,
        agents,
        remedy:
          'these agents are named like ECS tasks that are not in this cluster: delete the other stack, or give each its own ' +
          'pool (docs/runbook.md, "Two launchers on one pool")',
      });
    }
    return agents.length;
  }

  /** Reports each task that ran out of memory once. @returns how many are new. */
  #warnOfOutOfMemory({ pool, observation }: PoolTick, nowMs: number): number {
    const fresh = (observation?.supply.outOfMemory ?? []).filter(
      ({ task }) => nowMs - (task.stoppedAtMs ?? nowMs) <= FRESH_END_MS && !this.#endsReported.has(task.id),
    );
    for (const end of fresh) {
      this.#endsReported = boundedWith(this.#endsReported, end.task.id);
      this.#parts.logger.warn('out of memory', describeOutOfMemory(pool, end));
    }
    return fresh.length;
  }
}

/** What to do when runs were left out. */
const UNREAD_REMEDIES: Readonly<Record<NonNullable<PoolTick['unread']>, string>> = {
  'post-plan-runs':
    'every job was read, but not every run in a post-plan status: such a run may get no agent for its policy sets. Cancel ' +
    'or discard runs that are stuck after their plan (docs/runbook.md, "A run stays in a post-plan status")',
  'queued-jobs':
    'the newest jobs are served first, and older ones after them (docs/runbook.md, "A job waits too long"). Raise ' +
    'maxAgents if the queue keeps growing, or move workspaces to another pool',
};

function describeOutOfMemory(pool: Pool, { task, sign, jobKey }: OutOfMemory): Record<string, unknown> {
  return {
    pool: pool.name,
    task: task.id,
    job: jobKey ?? task.startedBy,
    ...(jobKey === undefined && { jobIs: 'the one that the task was launched for; its agent may have had another' }),
    sign,
    memoryMiB: task.memoryMiB,
    remedy: `the task was killed for its memory: raise ${sizeSettingOf(pool, task)} (agent-image/README.md says how to size)`,
  };
}

/** The setting that gave the task its memory. */
function sizeSettingOf({ name, lanes }: Pool, task: Task): string {
  const phase =
    lanes.length > 1 ? lanes.find(({ taskDefinition }) => taskDefinition === task.family)?.phases[0] : undefined;
  return phase === undefined ? `memoryMiB of pool ${name}` : `phases.${phase}.memoryMiB of pool ${name}`;
}
