import { beforeEach, describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { METRICS } from '../../../functions/launcher/contract.ts';
import { taskEndedLine, tickLine } from '../../../functions/launcher/log-lines.ts';
import { TickReport } from '../../../functions/launcher/report.ts';
import type { PoolTick, Tick } from '../../../functions/launcher/tick.ts';
import {
  demandWith,
  LANE,
  minutes,
  NOW,
  queuedJob,
  seconds,
  standingJob,
  stoppedTask,
  supply,
} from './core/builders.ts';
import { pool } from './fakes.ts';

/** The report's log lines, as Powertools writes them. */
let lines: Record<string, unknown>[];
let blobs: { pool: string | undefined; metrics: Record<string, number[]> }[];
let units: Record<string, string>;
let report: TickReport;

beforeEach(() => {
  lines = [];
  blobs = [];
  units = {};
  let dimension: string | undefined;
  let metrics: Record<string, number[]> = {};
  const log = (message: string, attributes: Record<string, unknown>) => {
    lines.push({ message, timestamp: new Date(NOW).toISOString(), version: '0.2.0', ...attributes });
  };
  report = new TickReport({
    logger: { info: log, warn: log, error: log },
    metrics: {
      addMetric: (name, unit, value) => {
        units[name] = unit;
        metrics[name] = [...(metrics[name] ?? []), value];
      },
      addDimension: (_, value) => {
        dimension = value;
      },
      publishStoredMetrics: () => {
        blobs.push({ pool: dimension, metrics });
        dimension = undefined;
        metrics = {};
      },
    },
    pollBudget: () => ({ usedInLastMinute: 1, taken: [1], wanted: [1], perMinute: 24 }),
    scheduleMs: minutes(1),
  });
});

/** Every member of a line, also in its lists and objects, as `a.b`. */
function membersOf(value: unknown, prefix = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => membersOf(one, prefix));
  if (typeof value !== 'object' || value === null) return [prefix];
  return Object.entries(value).flatMap(([key, inner]) => membersOf(inner, prefix === '' ? key : `${prefix}.${key}`));
}

function reportAt(nowMs: number, part: Partial<PoolTick>, tick: Partial<Tick> = {}): void {
  const pools = [{ pool: pool('one'), launches: [], stops: [], errors: [], ...part }];
  report.report({ startedAtMs: nowMs, endedAtMs: nowMs + 100, pools, ...tick });
}

const ENDED = stoppedTask('task-1', {
  createdAtMs: NOW - seconds(400),
  pullStartedAtMs: NOW - seconds(390),
  pullStoppedAtMs: NOW - seconds(375),
  startedAtMs: NOW - seconds(370),
  executionStoppedAtMs: NOW - seconds(20),
  stoppedAtMs: NOW - seconds(10),
  cpu: 1024,
  memoryMiB: 2048,
  ephemeralStorageGiB: 30,
  architecture: 'arm64',
  capacity: 'spot',
});
const seen = (ended: readonly (typeof ENDED)[], startFailures: string[] = []) => {
  const failed = startFailures.map((id) => ({ task: stoppedTask(id), createdAtMs: 1, stoppedAtMs: 2, detail: 'x' }));
  return { demand: demandWith(), agentsVisible: true, supply: supply({ startFailures: failed }), ended };
};
const job = queuedJob('run-1', { queuedAtMs: NOW - seconds(405) });
const launched = (one: Parameters<typeof launchOf>[0]) => ({
  demand: demandWith(),
  observation: seen([]),
  launches: [launchOf(one)],
});
function launchOf(one: typeof job | ReturnType<typeof standingJob>) {
  const launch = { job: one, lane: LANE, attempt: 1, reason: 'r' };
  return { kind: 'launched', launch, taskId: 'task-1', attempt: 1, insteadOfSpot: false } as const;
}
const running = {
  key: 'run-1/plan',
  phase: 'plan',
  workspaceId: 'ws-1',
  agentName: 'task-1',
  queuedAtMs: NOW - seconds(405),
  startedAtMs: NOW - seconds(360),
} as const;

const endLines = () => lines.filter(({ message }) => message === 'task ended');
/** The parsed line, which fails if the line doesn't match its schema. */
const parsed = (): z.infer<typeof taskEndedLine> => taskEndedLine.parse(endLines()[0]);
const endBlobs = () => blobs.filter(({ metrics }) => METRICS.taskSeconds in metrics);

describe('the line of a task that ended', () => {
  it('has exactly the members of its schema, with the job, the size, the times and the price', () => {
    reportAt(NOW - seconds(400), launched(job));
    reportAt(NOW - seconds(350), { demand: demandWith({ running: [running] }), observation: seen([]) });
    reportAt(NOW, { observation: seen([ENDED]) });
    expect(endLines()).toEqual([
      {
        message: 'task ended',
        timestamp: new Date(NOW).toISOString(),
        version: '0.2.0',
        task: 'task-1',
        pool: 'one',
        launchedFor: 'run-1/plan',
        job: 'run-1/plan',
        run: 'run-1',
        workspace: 'ws-1',
        phase: 'plan',
        family: 'launcher-default',
        cpu: 1024,
        memoryMiB: 2048,
        ephemeralStorageGiB: 30,
        capacity: 'spot',
        architecture: 'arm64',
        outcome: 'ended',
        exitCode: 0,
        stopCode: 'EssentialContainerExited',
        stoppedReason: 'Essential container in task exited',
        createdAt: '2026-03-01T11:53:20.000Z',
        startedAt: '2026-03-01T11:53:50.000Z',
        stoppedAt: '2026-03-01T11:59:50.000Z',
        queuedSeconds: 45,
        seconds: { launching: 5, provisioning: 10, pulling: 15, booting: 5, waiting: 10, working: 340, billed: 380 },
        dollars: 0.00220189,
      },
    ]);
    const known = Object.keys(taskEndedLine.shape);
    expect(Object.keys(endLines()[0] ?? {}).filter((member) => !known.includes(member))).toEqual([]);
    expect(known.filter((member) => !(member in parsed()))).toEqual([]);
    const parts = Object.keys(taskEndedLine.shape.seconds.shape);
    expect(Object.keys(parsed().seconds).toSorted()).toEqual(parts.toSorted());
  });

  it('has the plan of a run that goes on, although no tick saw the plan run', () => {
    const endedPlans = [{ ...running, key: 'run-9/plan', workspaceId: 'ws-9' } as const];
    reportAt(NOW - seconds(400), launched(job));
    reportAt(NOW, { demand: demandWith({ endedPlans }), observation: seen([ENDED]) });
    expect(parsed()).toMatchObject({
      launchedFor: 'run-1/plan',
      job: 'run-9/plan',
      run: 'run-9',
      workspace: 'ws-9',
      queuedSeconds: 45,
    });
  });

  it('leaves out what nobody shows', () => {
    const bare = stoppedTask('task-2', {
      startedBy: 'warm/main/1',
      createdAtMs: undefined,
      startedAtMs: undefined,
      stoppedAtMs: undefined,
      stopCode: undefined,
      stoppedReason: undefined,
      exitCode: undefined,
    });
    reportAt(NOW, { observation: seen([bare]) });
    expect(membersOf(endLines()[0]).toSorted()).toEqual(
      'architecture capacity cpu dollars family launchedFor memoryMiB message outcome pool seconds.billed task timestamp version'.split(
        ' ',
      ),
    );
    expect(parsed()).toMatchObject({ launchedFor: 'warm/main/1', outcome: 'failed-to-start', dollars: 0 });
  });

  it('is written once, by the first tick that sees the end', () => {
    for (const at of [0, 5, 60]) reportAt(NOW + seconds(at), { observation: seen([ENDED]) });
    expect(endLines()).toHaveLength(1);
  });

  it('is not written by a tick that only a nudge caused, but the nudge’s launches are remembered', () => {
    reportAt(NOW, { ...launched(job), observation: seen([ENDED]) }, { isExtra: true });
    expect(endLines()).toEqual([]);
    reportAt(NOW + seconds(5), { observation: seen([ENDED]) });
    expect(parsed().seconds.launching).toBe(5);
  });

  it('has no time until the launch of a warm agent, because no job waited for it', () => {
    reportAt(NOW - seconds(400), launched(standingJob('warm/main/1')));
    reportAt(NOW, { observation: seen([ENDED]) });
    expect(parsed().seconds).not.toHaveProperty('launching');
  });

  it('says that a task failed to start if its agent never registered', () => {
    reportAt(NOW, { observation: seen([ENDED], ['task-1']) });
    expect(parsed().outcome).toBe('failed-to-start');
  });

  it('is not written for a pool that could not be observed', () => {
    reportAt(NOW, {});
    expect(endLines()).toEqual([]);
  });
});

describe('the metrics of a task that ended', () => {
  it('are its time, its cost and the parts of its start, with their units, in the pool’s dimension', () => {
    reportAt(NOW - seconds(400), launched(job));
    reportAt(NOW - seconds(350), { demand: demandWith({ running: [running] }), observation: seen([]) });
    blobs.length = 0;
    reportAt(NOW, { observation: seen([ENDED]) });
    expect(endBlobs()).toEqual([
      {
        pool: 'one',
        metrics: {
          TaskSeconds: [380],
          TaskCost: [expect.closeTo(0.00220189, 8)],
          LaunchSeconds: [5],
          ProvisionSeconds: [10],
          PullSeconds: [15],
          BootSeconds: [5],
          JobWaitSeconds: [10],
        },
      },
    ]);
    expect(units).toMatchObject({ TaskSeconds: 'Seconds', TaskCost: 'None', PullSeconds: 'Seconds' });
    expect(units[METRICS.runListRequests]).toBe('Count');
  });

  it('leave out the tasks that ended long before the first tick, because another instance may have counted them', () => {
    const older = { ...ENDED, id: 'task-0', stoppedAtMs: NOW - seconds(1800) };
    reportAt(NOW, { observation: seen([older, ENDED]) });
    expect(endLines().map(({ task }) => task)).toEqual(['task-0', 'task-1']);
    expect(endBlobs().map(({ metrics }) => metrics[METRICS.taskSeconds]?.length)).toEqual([1]);
  });

  it('are written only when a task ended, because AWS bills each metric per hour', () => {
    reportAt(NOW, { observation: seen([ENDED]) });
    blobs.length = 0;
    reportAt(NOW + seconds(5), { observation: seen([ENDED]) });
    expect(endBlobs()).toEqual([]);
  });

  it('leave out the parts that are unknown', () => {
    reportAt(NOW, { observation: seen([{ ...ENDED, pullStoppedAtMs: undefined }]) });
    expect(Object.keys(endBlobs()[0]?.metrics ?? {})).toEqual(['TaskSeconds', 'TaskCost', 'ProvisionSeconds']);
  });

  it('fill several blobs if many tasks end at once, because Powertools sends a blob on its own at 100 values', () => {
    const many = Array.from({ length: 200 }, (_, n) => ({ ...ENDED, id: `task-${n}` }));
    reportAt(NOW, { observation: seen(many) });
    const sizes = endBlobs().map(({ pool: name, metrics }) => [name, metrics[METRICS.taskSeconds]?.length]);
    expect(sizes).toEqual([
      ['one', 90],
      ['one', 90],
      ['one', 20],
    ]);
    expect(endLines()).toHaveLength(200);
  });
});

describe('the queued jobs that a tick’s line lists as first seen', () => {
  const firstSeen = (nowMs: number, ...ids: string[]) => {
    lines.length = 0;
    reportAt(nowMs, { demand: demandWith({ queued: ids.map((id) => queuedJob(id)) }) });
    return tickLine.parse(lines[0]).pools[0]?.firstSeen;
  };

  it('are those that no earlier line lists', () => {
    expect(firstSeen(NOW, 'run-1', 'run-2')).toEqual(['run-1/plan', 'run-2/plan']);
    expect(firstSeen(NOW + seconds(5), 'run-1', 'run-2', 'run-3')).toEqual(['run-3/plan']);
    expect(firstSeen(NOW + seconds(10), 'run-1')).toBeUndefined();
  });

  it('are at most 100, oldest first, and the next line lists the others', () => {
    const ids = Array.from({ length: 130 }, (_, n) => `run-${n}`);
    const first = firstSeen(NOW, ...ids);
    expect([first?.length, first?.[0], first?.at(-1)]).toEqual([100, 'run-0/plan', 'run-99/plan']);
    expect(firstSeen(NOW + seconds(5), ...ids)).toEqual(ids.slice(100).map((id) => `${id}/plan`));
  });

  it('are missing if the runs could not be read', () => {
    reportAt(NOW, {});
    expect(tickLine.parse(lines[0]).pools).toEqual([{ pool: 'one' }]);
  });
});
