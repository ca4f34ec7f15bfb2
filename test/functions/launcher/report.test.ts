import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { METRICS } from '../../../functions/launcher/contract.ts';
import type { Deferral, RunningJob, Task } from '../../../functions/launcher/core/types.ts';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import type { Pool } from '../../../functions/launcher/ports.ts';
import { TickReport } from '../../../functions/launcher/report.ts';
import type { PoolTick } from '../../../functions/launcher/tick.ts';
import {
  APPLY_LANE,
  demandWith,
  LANE,
  live,
  minutes,
  NOW,
  PLAN_LANE,
  queuedJob,
  seconds,
  standingJob,
  stoppedTask,
  supply,
} from './core/builders.ts';
import { pool, warmPool } from './fakes.ts';

/** The output: log lines with their level, and metrics per blob. */
let lines: { level: string; message: string; attributes: Record<string, unknown> }[];
let blobs: { dimensions: Record<string, string>; metrics: Record<string, number[]> }[];
/** The unit of each metric. */
let units: Record<string, string>;
let report: TickReport;

beforeEach(() => {
  lines = [];
  blobs = [];
  units = {};
  let dimensions: Record<string, string> = {};
  let metrics: Record<string, number[]> = {};
  const log = (level: string) => (message: string, attributes: Record<string, unknown>) => {
    lines.push({ level, message, attributes });
  };
  report = new TickReport({
    logger: { info: log('info'), warn: log('warn'), error: log('error') },
    metrics: {
      addMetric: (name, unit, value) => {
        units[name] = unit;
        metrics[name] = [...(metrics[name] ?? []), value];
      },
      addDimension: (name, value) => {
        dimensions[name] = value;
      },
      publishStoredMetrics: () => {
        blobs.push({ dimensions, metrics });
        dimensions = {};
        metrics = {};
      },
    },
    pollBudget: () => ({ usedInLastMinute: 7, taken: [70], wanted: [70], perMinute: 24 }),
    scheduleMs: 60_000,
  });
});

/** Reports a tick that started at this time. */
const reportAt = (startedAtMs: number, ...parts: Partial<PoolTick>[]) =>
  report.report({
    startedAtMs,
    endedAtMs: startedAtMs + 120,
    pools: parts.map((part) => ({ pool: pool('one'), launches: [], stops: [], errors: [], ...part })),
  });
const reportOn = (...parts: Partial<PoolTick>[]) => reportAt(NOW, ...parts);

const warnings = () => lines.filter(({ level }) => level === 'warn');
/** The pools' entries in the first log line. */
const linePools = () => lines[0]?.attributes['pools'];
/** The metrics of a pool, by blob. */
const ofPool = () => blobs.filter(({ dimensions }) => dimensions['pool'] === 'one').map(({ metrics }) => metrics);
/** Every value of a metric. */
const valuesOf = (metric: string) => blobs.flatMap(({ metrics }) => metrics[metric] ?? []);

const failure = (system: UpstreamError['system'], fault: UpstreamError['fault'], status?: number) =>
  new UpstreamError({ system, fault, what: 'no', ...(status !== undefined && { status }) });

const job = queuedJob('run-1', { queuedAtMs: NOW - seconds(12) });
const launch = { job, lane: LANE, attempt: 1, reason: '1 queued, 0 unclaimed' };
const launchedAs = (taskId: string, insteadOfSpot = false) =>
  ({ kind: 'launched', launch, taskId, attempt: 1, insteadOfSpot }) as const;
const demand = demandWith({ queued: [job] });
const observation = {
  demand,
  agentsVisible: true,
  supply: supply({
    live: [live('a', 'busy'), live('b', 'starting')],
    startFailures: [{ task: stoppedTask('c'), createdAtMs: 1, stoppedAtMs: 2, detail: 'CannotPullContainerError' }],
  }),
};

const nothing = { launches: [], stops: [], deferrals: [] };
const quiet = { demand: demandWith(), agentsVisible: true, supply: supply({}) };
const failing = { ...quiet, supply: supply({ startFailures: observation.supply.startFailures }) };
/** An idle pool. */
const atRest = { demand: demandWith(), observation: quiet, decision: nothing };
/** A pool for which a task is launched. */
const launching = {
  demand,
  observation,
  decision: { ...nothing, launches: [launch] },
  launches: [launchedAs('task-1')],
};
const HEARTBEAT = { dimensions: {}, metrics: { [METRICS.runListRequests]: [7] } };
const withSupply = (has: Parameters<typeof supply>[0]) => ({ ...observation, supply: supply(has) });

/** A running job that was queued the given number of seconds before it started. */
const started = (id: string, queuedAgo: number, startedAgo: number) => ({
  key: `${id}/plan` as const,
  phase: 'plan' as const,
  queuedAtMs: NOW - seconds(queuedAgo),
  startedAtMs: NOW - seconds(startedAgo),
});
const killed = (id: string, overrides: Partial<Task> = {}) => ({
  task: stoppedTask(id, overrides),
  sign: 'OutOfMemoryError' as const,
});

describe('a run in a post-plan status', () => {
  const waits = { runId: 'run-a', status: 'post_plan_running', stage: 0, sinceMs: NOW - seconds(1300) };
  const shorter = { ...waits, runId: 'run-b', sinceMs: NOW - seconds(10) };

  it('appears with its waiting time in the log line and in a metric', () => {
    reportOn({ demand: { ...demand, waiting: [waits, shorter] } });
    expect(linePools()).toMatchObject([
      { afterPlan: 2, longestAfterPlan: { run: 'run-a', status: 'post_plan_running', seconds: 1300 } },
    ]);
    expect(ofPool()).toMatchObject([{ [METRICS.longestAfterPlanSeconds]: [1300] }]);
  });

  it('has no entry in the log line and no metric if no run has such a status', () => {
    reportOn({ demand });
    expect(linePools()).toEqual([expect.not.objectContaining({ afterPlan: expect.anything() })]);
    expect(blobs[0]?.metrics).not.toHaveProperty(METRICS.longestAfterPlanSeconds);
  });

  it('counts as a deferred sweep, not as a deferred job, if a limit allows no agent for it', () => {
    const deferrals = [{ jobKey: 'sweep/run-a/0', cause: 'max-agents', reason: 'full' }] as const;
    reportOn({ demand, observation, decision: { ...nothing, deferrals } });
    expect(blobs[0]?.metrics).toMatchObject({ [METRICS.standingDeferred]: [1] });
    expect(blobs[0]?.metrics).not.toHaveProperty(METRICS.launchesDeferred);
  });
});

describe('a pool whose open runs were not all read', () => {
  const reported = (unread?: PoolTick['unread'], part: Partial<PoolTick> = { demand }) => {
    lines.length = 0;
    blobs.length = 0;
    reportOn({ ...part, ...(unread !== undefined && { unread }) });
    return {
      warnings: warnings().map(({ attributes }) => attributes),
      count: blobs[0]?.metrics[METRICS.runListsTruncated]?.[0],
    };
  };

  it('a list that doesn’t end causes one warning with a remedy, counts in each tick, and causes a new warning if the problem returns', () => {
    expect(reported('queued-jobs')).toEqual({
      warnings: [{ pool: 'one', unread: 'queued-jobs', remedy: expect.stringContaining('maxAgents') }],
      count: 1,
    });
    expect(lines.find(({ message }) => message === 'tick')?.attributes['pools']).toMatchObject([
      { unread: 'queued-jobs' },
    ]);
    expect(reported('queued-jobs')).toEqual({ warnings: [], count: 1 });
    expect(reported(undefined, {})).toEqual({ warnings: [], count: undefined });
    expect(reported('queued-jobs')).toEqual({ warnings: [], count: 1 });
    expect(reported()).toEqual({ warnings: [], count: undefined });
    expect(reported('post-plan-runs')).toEqual({
      warnings: [{ pool: 'one', unread: 'post-plan-runs', remedy: expect.stringContaining('Cancel or discard runs') }],
      count: 1,
    });
  });
});

describe('agents that this launcher did not start', () => {
  const ofATask = 'b'.repeat(32);
  const at = (nowMs: number, idle: readonly string[], busy: readonly string[] = []) => {
    lines.length = 0;
    blobs.length = 0;
    const agentsOfOtherTasks = [...idle, ...busy].filter((name) => name === ofATask);
    reportAt(nowMs, { demand, observation: { ...observation, foreignAgents: { idle, busy }, agentsOfOtherTasks } });
    const line = lines.find(({ message }) => message === 'tick')?.attributes['pools'];
    return { line, count: blobs[0]?.metrics[METRICS.foreignAgents]?.[0] };
  };

  it('are counted, and the log line has their names', () => {
    expect(at(NOW, ['waits'], ['works'])).toMatchObject({
      line: [{ foreignAgents: { idle: 1, busy: 1, names: ['works', 'waits'] } }],
      count: 2,
    });
  });

  it('are at most ten names in the log line', () => {
    const names = Array.from({ length: 12 }, (_, n) => `agent-${n}`);
    expect(at(NOW, names)).toMatchObject({
      line: [{ foreignAgents: { idle: 12, busy: 0, names: names.slice(0, 10) } }],
      count: 12,
    });
  });

  it('count after a minute if they are named like tasks, because ECS may not show our new task yet', () => {
    expect(at(NOW, [ofATask]).count).toBeUndefined();
    expect(at(NOW + seconds(60), [ofATask]).count).toBe(1);
  });

  it('are absent from the line and the metrics if there are none', () => {
    const { line, count } = at(NOW, []);
    expect(count).toBeUndefined();
    expect(JSON.stringify(line)).not.toContain('foreignAgents');
  });
});

describe('agents that seem to belong to another launcher', () => {
  const name = 'a'.repeat(32);
  const at = (nowMs: number, names: readonly string[] | undefined, part: Partial<PoolTick> = {}) => {
    lines.length = 0;
    blobs.length = 0;
    const seen = { ...observation, ...(names !== undefined && { agentsOfOtherTasks: names }) };
    reportAt(nowMs, { demand, observation: seen, ...part });
    const warnings = lines.flatMap(({ level, attributes }) => (level === 'warn' ? [attributes['agents']] : []));
    return { warnings, count: blobs[0]?.metrics[METRICS.otherLaunchersAgents]?.[0] };
  };
  const nothing = { warnings: [], count: undefined };

  it('are reported after a minute, and again after an hour', () => {
    expect(at(NOW, [name])).toEqual(nothing);
    expect(at(NOW + seconds(59), [name])).toEqual(nothing);
    expect(at(NOW + seconds(60), [name])).toEqual({ warnings: [[name]], count: 1 });
    expect(at(NOW + seconds(70), [name])).toEqual({ warnings: [], count: 1 });
    expect(at(NOW + seconds(3660), [name])).toEqual({ warnings: [[name]], count: 1 });
  });

  it('are counted without a warning if the launcher is a standby of the other one', () => {
    const standby = { ...pool('one'), standbyMs: seconds(120) };
    expect(at(NOW, [name], { pool: standby })).toEqual(nothing);
    expect(at(NOW + seconds(60), [name], { pool: standby })).toEqual({ warnings: [], count: 1 });
  });

  it('don’t include agents whose tasks ECS shows a little later', () => {
    expect(at(NOW, [name])).toEqual(nothing);
    expect(at(NOW + seconds(10), undefined)).toEqual(nothing);
    expect(at(NOW + seconds(60), [name])).toEqual(nothing);
  });

  it('don’t include agents that this function started, however long ECS doesn’t show them', () => {
    const refused = { kind: 'spent', launch, attempts: [1] } as const;
    at(NOW, undefined, { launches: [refused, launchedAs(name)] });
    at(NOW + seconds(10), [name]);
    expect(at(NOW + seconds(300), [name])).toEqual(nothing);
    at(NOW, undefined, { launches: Array.from({ length: 1000 }, (_, n) => launchedAs(`task-${n}`)) });
    at(NOW + seconds(300), [name]);
    expect(at(NOW + seconds(360), [name]).count).toBe(1);
  });

  it('are remembered across a tick that could not observe the pool', () => {
    at(NOW, [name]);
    reportAt(NOW + seconds(30), { demand });
    expect(at(NOW + seconds(60), [name]).count).toBe(1);
  });
});

describe('a tick’s log line', () => {
  it('contains what was observed, decided and done, with reasons', () => {
    const deferrals = [{ jobKey: 'run-2/plan', cause: 'max-agents', reason: '2 live tasks of maxAgents 2' }] as const;
    reportOn({
      ...launching,
      decision: { ...launching.decision, deferrals },
      stops: [{ kind: 'stopped', stop: { taskId: 'late', cause: 'agent-never-registered', reason: 'too late' } }],
    });
    expect(lines).toEqual([
      {
        level: 'info',
        message: 'tick',
        attributes: {
          durationMs: 120,
          runListRequests: 7,
          pools: [
            {
              pool: 'one',
              queued: 1,
              running: 0,
              oldestQueuedSeconds: 12,
              firstSeen: ['run-1/plan'],
              live: { busy: 1, starting: 1 },
              foreignIdle: 0,
              unclaimed: 0,
              startFailures: [
                { task: 'c', detail: 'CannotPullContainerError', cause: 'image', remedy: expect.any(String) },
              ],
              launches: [
                {
                  job: 'run-1/plan',
                  workspace: 'ws-1',
                  reason: '1 queued, 0 unclaimed',
                  outcome: 'launched',
                  task: 'task-1',
                  attempt: 1,
                },
              ],
              stops: [{ task: 'late', cause: 'agent-never-registered', reason: 'too late', outcome: 'stopped' }],
              deferrals,
            },
          ],
        },
      },
    ]);
  });

  it('shows the oldest task and its job, if the task is older than an hour', () => {
    const tasks = [live('old', 'busy', { createdAtMs: NOW - minutes(90) }), live('young', 'idle')];
    const job = { key: 'run-1/plan', phase: 'plan', agentName: 'old' } as const;
    const observed = (running: readonly (typeof job)[]) => ({
      ...observation,
      demand: demandWith({ running }),
      supply: supply({ live: tasks }),
    });
    reportOn({ observation: observed([job]) }, { observation: observed([]) });
    expect(linePools()).toMatchObject([
      { oldestTask: { task: 'old', seconds: 5400, job: 'run-1/plan' } },
      { oldestTask: { task: 'old', seconds: 5400 } },
    ]);
  });

  it('is written for an idle tick, too', () => {
    reportOn({}, {});
    expect(lines).toHaveLength(1);
  });

  it('has the level error, and contains system, fault and message, if something could not be observed', () => {
    reportOn({ errors: [failure('HCP Terraform', 'throttled', 429)] });
    const error = { system: 'HCP Terraform', fault: 'throttled', message: 'HCP Terraform: no (status 429)' };
    expect(lines).toMatchObject([
      { level: 'error', message: 'tick with errors', attributes: { pools: [{ errors: [error] }] } },
    ]);
  });

  it('contains cause and remedy of a refused launch', () => {
    const refusal = { cause: 'quota', detail: 'vCPUs', remedy: 'raise it' } as const;
    reportOn({ launches: [{ kind: 'refused', launch, refusal }] });
    expect(linePools()).toMatchObject([{ launches: [{ outcome: 'refused', ...refusal }] }]);
  });

  it('reports a launch that ran on demand for a lack of Spot capacity, and counts it for pools that use Spot', () => {
    const onSpot = pool('spotted', { lanes: [PLAN_LANE, APPLY_LANE] });
    reportOn({ ...launching, pool: onSpot, launches: [launchedAs('task-1', true)] });
    expect(linePools()).toMatchObject([{ launches: [{ task: 'task-1', insteadOfSpot: true }] }]);
    expect(blobs[0]).toMatchObject({ metrics: { Launches: [1], LaunchesInsteadOfSpot: [1] } });
  });

  it('reports a task that ran out of memory once, with its run, its size and the setting', () => {
    const died = (id: string, agoMs: number, family = PLAN_LANE.taskDefinition) => ({
      ...killed(id, { family, memoryMiB: 1024, stoppedAtMs: NOW - agoMs }),
      jobKey: 'run-9/plan' as const,
    });
    const tell = (lanes: Pool['lanes'], ...outOfMemory: ReturnType<typeof died>[]) => {
      reportOn({ pool: pool('one', { lanes }), observation: withSupply({ outOfMemory }) });
      return valuesOf(METRICS.outOfMemory);
    };
    const split: Pool['lanes'] = [PLAN_LANE, APPLY_LANE];
    expect(tell(split, died('a', seconds(20)), died('long-ago', seconds(301)))).toEqual([1]);
    expect(tell(split, died('a', seconds(30)))).toEqual([1]);
    expect(tell([LANE], died('b', 0, LANE.taskDefinition))).toEqual([1, 1]);
    expect(warnings()).toMatchObject([
      { message: 'out of memory', attributes: { pool: 'one', task: 'a', job: 'run-9/plan', memoryMiB: 1024 } },
      { message: 'out of memory', attributes: { task: 'b' } },
    ]);
    expect(warnings().map(({ attributes }) => attributes['remedy'])).toEqual([
      expect.stringContaining('Raise phases.plan.memoryMiB of pool one'),
      expect.stringContaining('Raise memoryMiB of pool one'),
    ]);
  });

  it('says if a task that ran out of memory may have run a different job than the one it was launched for', () => {
    const outOfMemory = [{ task: stoppedTask('a', { stoppedAtMs: undefined }), sign: 'exit code 137' as const }];
    reportOn({ observation: withSupply({ outOfMemory }) });
    expect(warnings()).toMatchObject([
      { attributes: { job: 'run-1/plan', jobIs: expect.stringContaining('launched for') } },
    ]);
  });

  it('contains the missing permission if the API token can’t list agents', () => {
    reportOn({ demand, observation: { ...observation, agentsVisible: false } });
    expect(JSON.stringify(lines)).toContain('Manage agent pools');
  });

  it('lists the tasks whose agents could not be looked up', () => {
    reportOn({ demand, observation: { ...observation, agentsUnknownFor: ['task-9'] } });
    expect(JSON.stringify(lines)).toMatch(/too long to read.*task-9/);
  });
});

describe('a wake-up that can’t be sent', () => {
  it('is an error in the log and counts as a failed tick, because idle polling ends until the next minute', () => {
    report.wakeUpNotSent(failure('SQS', 'rejected'));
    expect(lines).toEqual([
      {
        level: 'error',
        message: 'wake-up not sent',
        attributes: { system: 'SQS', fault: 'rejected', message: 'SQS: no' },
      },
    ]);
    expect(blobs).toEqual([{ dimensions: {}, metrics: { [METRICS.failedTicks]: [1] } }]);
  });
});

describe('a tick’s metrics', () => {
  it('consist of one blob per pool and one for the launcher', () => {
    reportOn(launching);
    expect(blobs).toEqual([
      {
        dimensions: { pool: 'one' },
        metrics: {
          [METRICS.queuedJobs]: [1],
          [METRICS.oldestQueuedSeconds]: [12],
          [METRICS.liveTasks]: [2],
          [METRICS.busyAgents]: [1],
          [METRICS.oldestTaskSeconds]: [40],
          [METRICS.startFailures]: [1],
          [METRICS.launches]: [1],
        },
      },
      HEARTBEAT,
    ]);
  });

  it('consist of only the heartbeat while the launcher is idle', () => {
    for (let n = 0; n < 3; n += 1) reportOn(atRest, { ...atRest, pool: pool('two') });
    expect(blobs).toEqual([HEARTBEAT, HEARTBEAT, HEARTBEAT]);
  });

  it('show a pool at zero once when it becomes idle, but only after it could be observed', () => {
    const one = pool('one');
    reportOn({ pool: one, demand, observation, decision: nothing });
    reportOn({ pool: one, demand: demandWith(), errors: [failure('ECS', 'unavailable')] });
    reportOn({ ...atRest, pool: one });
    reportOn({ ...atRest, pool: one });
    const noJobs = { [METRICS.queuedJobs]: [0], [METRICS.oldestQueuedSeconds]: [0] };
    const noTasks = { [METRICS.liveTasks]: [0], [METRICS.busyAgents]: [0], [METRICS.oldestTaskSeconds]: [0] };
    expect(ofPool().slice(1)).toEqual([noJobs, { ...noJobs, ...noTasks }]);
  });

  it('include the counts for alarms in every tick in which they aren’t zero', () => {
    const refusal = { cause: 'quota', detail: 'vCPUs', remedy: 'raise it' } as const;
    const part = {
      demand: demandWith({ unknownStatuses: ['rehearsing'] }),
      observation: failing,
      decision: nothing,
      launches: [{ kind: 'refused', launch, refusal }] as const,
      errors: [failure('HCP Terraform', 'rejected', 401)],
    };
    reportOn(part);
    reportOn(part);
    const ofPool = { dimensions: { pool: 'one' }, metrics: { StartFailures: [2], LaunchesRefused: [1] } };
    const ofAll = {
      dimensions: {},
      metrics: { FailedTicks: [1], ApiTokenRejected: [1], UnknownRunStatuses: [1], RunListRequests: [7] },
    };
    expect(blobs).toEqual([ofPool, ofAll, ofPool, ofAll]);
  });

  it('don’t count the jobs that a standby leaves to another launcher as deferred', () => {
    const deferrals: Deferral[] = [
      { jobKey: 'run-1/plan', cause: 'standby', reason: 'this launcher is a standby' },
      { jobKey: 'run-2/plan', cause: 'max-agents', reason: 'full' },
    ];
    reportOn({ demand, observation, decision: { ...nothing, deferrals } });
    expect(valuesOf(METRICS.launchesDeferred)).toEqual([1]);
    expect(lines[0]).toMatchObject({ attributes: { pools: [{ deferrals }] } });
  });

  it('count deferred warm agents and sweeps separately from deferred jobs', () => {
    const reason = '10 live tasks of maxAgents 10';
    const putOff = (jobKey: Deferral['jobKey']): Deferral => ({ jobKey, cause: 'max-agents', reason });
    const deferrals = [putOff('run-1/plan'), putOff('warm/one/1'), putOff('sweep/one/7')];
    reportOn({ pool: warmPool('one', 1), demand, observation, decision: { ...nothing, deferrals } });
    reportOn({ demand, observation, decision: nothing });
    expect(blobs[0]?.metrics).toMatchObject({ [METRICS.launchesDeferred]: [1], [METRICS.standingDeferred]: [2] });
    expect(valuesOf(METRICS.standingDeferred)).toEqual([2]);
    expect(lines[0]).toMatchObject({ attributes: { pools: [{ deferrals }] } });
  });

  it('contain a job’s start latency once, according to HCP Terraform’s timestamps, and only while it is recent', () => {
    const unknown = { key: 'run-3/plan', phase: 'plan' } as const;
    // A start that is exactly two minutes old counts. An older start doesn't.
    const old = [started('run-4', 127, 120), started('run-5', 128, 121), started('run-6', 900, 800)];
    const busy = demandWith({ running: [started('run-1', 50, 5), unknown, ...old] });
    reportOn({ demand: busy });
    reportOn({ demand: busy });
    const latencies = blobs.filter(({ metrics }) => METRICS.startLatencySeconds in metrics);
    expect(latencies).toEqual([{ dimensions: { pool: 'one' }, metrics: { [METRICS.startLatencySeconds]: [45, 7] } }]);
  });

  it('keep the dimension for their pool even if many jobs start in one tick', () => {
    const running = Array.from({ length: 120 }, (_, i) => started(`run-${i}`, 9, 1));
    reportOn({ demand: demandWith({ running }) });
    const latencies = blobs.filter(({ metrics }) => METRICS.startLatencySeconds in metrics);
    expect(
      latencies.map(({ dimensions, metrics }) => [dimensions, metrics[METRICS.startLatencySeconds]?.length]),
    ).toEqual([
      [{ pool: 'one' }, 90],
      [{ pool: 'one' }, 30],
    ]);
  });
});

describe('the log line of one pool', () => {
  const partOf = (part: Partial<PoolTick>) => {
    reportOn(part);
    return z.array(z.record(z.string(), z.unknown())).parse(linePools())[0];
  };

  it('contains no entry for what did not happen, so that a search finds only ticks in which it happened', () => {
    expect(partOf({})).toStrictEqual({ pool: 'one' });
    lines.length = 0;
    const idle = { pool: 'one', queued: 0, running: 0, live: {}, foreignIdle: 0, unclaimed: 0 };
    expect(partOf(atRest)).toStrictEqual(idle);
  });

  it('counts the live tasks of each state', () => {
    const tasks = [live('a', 'busy'), live('b', 'starting'), live('c', 'busy')];
    const part = partOf({ demand, observation: withSupply({ live: tasks }) });
    expect(part?.['live']).toEqual({ busy: 2, starting: 1 });
  });

  it('lists the five latest start failures', () => {
    const failures = Array.from({ length: 7 }, (_, n) => ({
      task: stoppedTask(`task-${n}`),
      createdAtMs: n,
      stoppedAtMs: n,
      detail: 'CannotPullContainerError',
    }));
    const part = partOf({ demand, observation: withSupply({ startFailures: failures }) });
    expect(part?.['startFailures']).toMatchObject([2, 3, 4, 5, 6].map((n) => ({ task: `task-${n}` })));
  });

  it('contains the attempts, but no task, for a launch whose client tokens are all used up', () => {
    const part = partOf({ launches: [{ kind: 'spent', launch, attempts: [1, 2] }] });
    expect(part?.['launches']).toStrictEqual([
      { job: 'run-1/plan', workspace: 'ws-1', reason: launch.reason, outcome: 'spent', attempts: [1, 2] },
    ]);
  });

  it('reports a warm agent without a workspace, because it waits for any job', () => {
    const warm = { ...launch, job: standingJob('warm/one/1') };
    const part = partOf({ launches: [{ ...launchedAs('task-1'), launch: warm }] });
    expect(part?.['launches']).toStrictEqual([
      { job: 'warm/one/1', reason: launch.reason, outcome: 'launched', task: 'task-1', attempt: 1 },
    ]);
  });

  it('contains the age of the oldest queued job in whole seconds', () => {
    const old = queuedJob('run-1', { queuedAtMs: NOW - 12_400 });
    const young = queuedJob('run-2', { queuedAtMs: NOW - 100 });
    expect(partOf({ demand: { ...demand, queued: [old, young] } })).toMatchObject({
      queued: 2,
      oldestQueuedSeconds: 12,
    });
  });
});

describe('the metrics of one pool', () => {
  const startsOf = (part: NonNullable<PoolTick['observation']>, nowMs: number) => {
    blobs.length = 0;
    reportAt(nowMs, { ...atRest, observation: part });
    return ofPool()[0]?.[METRICS.startFailures]?.[0];
  };

  it('have the unit seconds if they are durations, and otherwise counts', () => {
    const waits = { runId: 'run-a', status: 'post_plan_running', stage: 0, sinceMs: NOW - seconds(5) };
    reportOn({ demand: { ...demand, waiting: [waits], running: [started('run-9', 9, 0)] }, observation });
    const durations = [
      METRICS.oldestTaskSeconds,
      METRICS.oldestQueuedSeconds,
      METRICS.longestAfterPlanSeconds,
      METRICS.startLatencySeconds,
    ];
    for (const [name, unit] of Object.entries(units)) {
      expect(unit, name).toBe(durations.some((duration) => duration === name) ? 'Seconds' : 'Count');
    }
    expect(Object.keys(units)).toEqual(expect.arrayContaining(durations));
  });

  it('report a wait of zero if HCP Terraform’s clock is ahead', () => {
    const waiting = [{ runId: 'run-a', status: 'post_plan_running', stage: 0, sinceMs: NOW + seconds(5) }];
    const queued = [queuedJob('run-1', { queuedAtMs: NOW + seconds(3) })];
    reportOn({ demand: demandWith({ queued, waiting, running: [started('run-9', -2, 0)] }) });
    expect(ofPool()).toMatchObject([
      { [METRICS.oldestQueuedSeconds]: [0], [METRICS.longestAfterPlanSeconds]: [0] },
      { [METRICS.startLatencySeconds]: [0] },
    ]);
  });

  it('repeat a start failure for an hour while the stopped tasks aren’t read', () => {
    const startFailures = observation.supply.startFailures.map((failure) => ({ ...failure, stoppedAtMs: NOW }));
    const unread = { ...quiet, startsUnread: true } as const;
    expect(startsOf(unread, NOW)).toBeUndefined();
    expect(startsOf({ ...quiet, supply: supply({ startFailures }) }, NOW)).toBe(1);
    expect(startsOf(unread, NOW + seconds(3599))).toBe(1);
    expect(startsOf(unread, NOW + seconds(3600))).toBeUndefined();
  });

  it('report no start failure after the stopped tasks were read without one', () => {
    expect(startsOf(failing, NOW)).toBe(1);
    expect(startsOf(quiet, NOW + seconds(60))).toBeUndefined();
    expect(startsOf({ ...quiet, startsUnread: true }, NOW + seconds(120))).toBeUndefined();
  });

  it('count a task that ran out of memory exactly five minutes ago, and one without a time', () => {
    const ends = [NOW - seconds(300), undefined, NOW - seconds(301)];
    const outOfMemory = ends.map((stoppedAtMs, n) => killed(`task-${n}`, { stoppedAtMs }));
    reportOn({ demand, observation: withSupply({ outOfMemory }) });
    expect(ofPool()[0]?.[METRICS.outOfMemory]).toEqual([2]);
  });

  it('aren’t written for a pool whose jobs and tasks could not be read, because 0 would be wrong', () => {
    reportOn({ errors: [failure('ECS', 'unavailable')], unread: 'queued-jobs' });
    expect(blobs).toEqual([{ dimensions: {}, metrics: { ...HEARTBEAT.metrics, [METRICS.failedTicks]: [1] } }]);
  });

  it('end at zero once, even if the pool’s last task ends without a queued job', () => {
    const one = pool('one');
    const working = { ...quiet, supply: supply({ live: [live('a', 'busy')] }) };
    for (const seen of [working, quiet, quiet]) reportOn({ ...atRest, pool: one, observation: seen });
    expect(ofPool().map((metrics) => metrics[METRICS.liveTasks])).toEqual([[1], [0]]);
  });
});

describe('the metrics of all pools', () => {
  it('count rejected API tokens, and no other refusal or failure', () => {
    reportOn({
      errors: [failure('HCP Terraform', 'rejected', 403), failure('HCP Terraform', 'unavailable', 401)],
    });
    expect(blobs[0]?.metrics).toEqual({ [METRICS.failedTicks]: [1], [METRICS.runListRequests]: [7] });
  });

  it('count an unknown status once per tick, however many pools have it, and the launcher logs it once', () => {
    const odd = demandWith({ unknownStatuses: ['rehearsing'] });
    reportOn({ demand: odd }, { demand: odd, pool: pool('two') });
    reportOn({ demand: odd });
    expect(valuesOf(METRICS.unknownRunStatuses)).toEqual([1, 1]);
    expect(warnings().map(({ attributes }) => attributes)).toEqual([{ status: 'rehearsing' }]);
  });
});

describe('the record of what was reported', () => {
  const startsOf = (running: readonly RunningJob[]) => {
    blobs.length = 0;
    reportOn({ demand: demandWith({ running }) });
    return valuesOf(METRICS.startLatencySeconds).length;
  };

  it('is cleared after ten thousand entries, so that a function that is warm for weeks doesn’t use more and more memory', () => {
    const many = Array.from({ length: 10_002 }, (_, n) => started(`run-${n}`, 9, 1));
    expect(startsOf(many)).toBe(10_002);
    expect(startsOf(many.slice(-1))).toBe(0);
    expect(startsOf(many.slice(0, 1))).toBe(1);
  });

  it('doesn’t include a start whose times are incomplete', () => {
    const [one, other] = [started('run-1', 9, 1), started('run-2', 9, 1)];
    expect(
      startsOf([
        { ...one, queuedAtMs: undefined },
        { ...other, startedAtMs: undefined },
      ]),
    ).toBe(0);
  });

  it('includes all tasks that the function launched, however many they are', () => {
    const names = ['a', 'b'].map((letter) => letter.repeat(32));
    reportOn({ demand, observation, launches: names.map((taskId) => launchedAs(taskId)) });
    for (const after of [10, 300]) {
      reportAt(NOW + seconds(after), { demand, observation: { ...observation, agentsOfOtherTasks: names } });
    }
    expect(warnings()).toEqual([]);
  });

  it('contains no agent of another launcher if none was observed', () => {
    for (const after of [0, 60, 120]) reportAt(NOW + seconds(after), { demand, observation });
    expect(valuesOf(METRICS.otherLaunchersAgents)).toEqual([]);
  });
});

describe('the messages that people search for', () => {
  it('say that another launcher serves the pool, with the section of the runbook', () => {
    const seen = { ...observation, agentsOfOtherTasks: ['a'.repeat(32)] };
    for (const after of [0, 60]) reportAt(NOW + seconds(after), { demand, observation: seen });
    expect(warnings()[0]).toMatchObject({
      message: expect.stringContaining('another launcher'),
      attributes: { remedy: expect.stringMatching(/Delete the other stack.*docs\/runbook\.md/) },
    });
  });

  it('report an unknown run status, and a list of runs that is too long', () => {
    reportOn({ demand: demandWith({ unknownStatuses: ['rehearsing'] }), unread: 'queued-jobs' });
    const messages = warnings().map(({ message }) => message);
    expect(messages).toEqual([expect.stringContaining('unknown run status'), expect.stringContaining('too long')]);
  });

  it('contain the setting of the phase whose task ran out of memory, or of the pool if its family is unknown', () => {
    const remedyOf = (family: string) => {
      lines.length = 0;
      const outOfMemory = [{ ...killed(family, { family, stoppedAtMs: NOW }), jobKey: 'run-9/apply' as const }];
      const split = pool('one', { lanes: [PLAN_LANE, APPLY_LANE] });
      reportOn({ pool: split, observation: withSupply({ outOfMemory }) });
      const warning = warnings()[0]?.attributes;
      expect(warning).not.toHaveProperty('jobIs');
      return String(warning?.['remedy']);
    };
    expect(remedyOf(APPLY_LANE.taskDefinition)).toContain('Raise phases.apply.memoryMiB of pool one');
    expect(remedyOf('an-older-family')).toContain('Raise memoryMiB of pool one');
  });

  it('come with the number of busy agents, even if the pool’s runs could not be read', () => {
    const tasks = [live('a', 'busy'), live('b', 'busy'), live('c', 'starting')];
    reportOn({ observation: { ...quiet, supply: supply({ live: tasks }) } });
    expect(blobs[0]?.metrics).toEqual({
      [METRICS.liveTasks]: [3],
      [METRICS.busyAgents]: [2],
      [METRICS.oldestTaskSeconds]: [40],
    });
  });
});
