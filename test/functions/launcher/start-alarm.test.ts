/** The datapoints of the alarm "Agents fail to start" (5 of 5 periods, missing data counts as good), computed with real ticks. */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../../functions/launcher/contract.ts';
import type { Task } from '../../../functions/launcher/core/types.ts';
import type { LaunchAnswer, Pool } from '../../../functions/launcher/ports.ts';
import { TickReport } from '../../../functions/launcher/report.ts';
import { tick } from '../../../functions/launcher/tick.ts';
import { agent, LANE, LIMITS, minutes, NOW, run, seconds, stoppedTask, task } from './core/builders.ts';
import { endless, FakePlatform, FakeTasks, pool } from './fakes.ts';

/** Stop reasons of ECS: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html */
const NO_IMAGE =
  'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref docker.io/hashicorp/tfc-agent:9.9: not found';

const NO_ROUTE =
  'ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration.';

/** How long a task lasts if nobody stops it. */
const LASTS_MS = {
  missing: seconds(70),
  slow: minutes(5.5),
  silent: Number.POSITIVE_INFINITY,
  good: seconds(70),
};

/** `stopTimeout` of the task, and half a minute of deprovisioning. */
const STOPPING_MS = seconds(150);

const QUOTA: LaunchAnswer = { kind: 'refused', refusal: { cause: 'quota', detail: 'vCPUs', remedy: 'raise it' } };

const FROM = NOW - (NOW % minutes(60));

/**
 * What goes wrong with a task: its image is `missing` or takes too long to pull (`slow`), or its agent can't reach HCP Terraform (`silent`, until
 * the launcher stops the task).
 */
type Image = 'missing' | 'slow' | 'silent' | 'good';

interface Created extends Pick<Task, 'id' | 'startedBy'> {
  readonly atMs: number;
  readonly image: Image;
  endsMs: number;
}

/** An emulated cloud in which tasks end with or without a registered agent. */
class Days {
  readonly platform = new FakePlatform();
  readonly tasks = new FakeTasks();
  image: Image = 'missing';
  refusal: LaunchAnswer | undefined;
  readonly #pool: Pool;
  readonly #created: Created[] = [];
  readonly #metrics: string[] = [];
  readonly #report: TickReport;

  constructor(one: Pool) {
    this.#pool = one;
    const log = (): void => {};
    this.#report = new TickReport({
      logger: { info: log, warn: log, error: log },
      metrics: {
        addMetric: (name, _unit, value) => this.#metrics.push(`${name} ${value}`),
        addDimension: log,
        publishStoredMetrics: log,
      },
      pollBudget: () => ({ usedInLastMinute: 0, taken: [], wanted: [], perMinute: 24 }),
      scheduleMs: 60_000,
    });
  }

  /** Runs one tick per minute. @returns the value of the metric for each tick. */
  async pass(fromMs: number, count: number): Promise<string> {
    let points = '';
    for (let nowMs = fromMs; nowMs < fromMs + minutes(count); nowMs += minutes(1)) points += await this.#tick(nowMs);
    return points;
  }

  async #tick(nowMs: number): Promise<string> {
    this.#metrics.length = 0;
    const launched = this.#created.filter(({ atMs }) => atMs < nowMs);
    this.tasks.tasks = launched.filter(({ endsMs }) => nowMs <= endsMs).map(liveOf);
    const stopped = launched.filter(({ endsMs }) => nowMs > endsMs && nowMs - endsMs < minutes(60));
    this.tasks.stopped = stopped.map(stoppedOf);
    this.platform.agentsOf.set(
      'one',
      this.#created.filter(({ image }) => image === 'good').map(({ id }) => agent(id, 'exited')),
    );
    this.tasks.answer = ({ job, attempt }) => {
      if (this.refusal !== undefined) return this.refusal;
      const id = `${job.key}/${attempt}`;
      if (this.#created.some((one) => one.id === id)) return { kind: 'task', taskId: id, lastStatus: 'PENDING' };
      this.#created.push({
        id,
        startedBy: job.key,
        atMs: nowMs,
        image: this.image,
        endsMs: nowMs + LASTS_MS[this.image],
      });
      return { kind: 'task', taskId: id, lastStatus: 'PROVISIONING' };
    };
    const ports = { hcpTerraform: this.platform, tasks: this.tasks, now: () => nowMs };
    const settings = { limits: LIMITS, agentsCeiling: undefined };
    this.#report.report(await tick([this.#pool], settings, ports, endless()));
    for (const one of this.#created) {
      const isAsked = this.tasks.stops.some(({ taskId }) => taskId === one.id);
      if (isAsked) one.endsMs = Math.min(one.endsMs, nowMs + STOPPING_MS);
    }
    const written = this.#metrics.find((metric) => metric.startsWith(`${METRICS.startFailures} `));
    return written === undefined ? '.' : (written.split(' ')[1] ?? '?');
  }
}

function liveOf({ id, startedBy, atMs, image }: Created): Task {
  const startedAtMs = image === 'silent' || image === 'good' ? atMs + seconds(10) : undefined;
  return task(id, { family: LANE.taskDefinition, startedBy, createdAtMs: atMs, startedAtMs });
}

function stoppedOf(one: Created): Task {
  const { family, startedBy, createdAtMs, startedAtMs } = liveOf(one);
  const came = { family, startedBy, createdAtMs, startedAtMs, stoppedAtMs: one.endsMs };
  if (one.image === 'good') return stoppedTask(one.id, came);
  if (one.image === 'silent') {
    const reason = 'agent-launcher: its agent did not register within 300 s';
    return stoppedTask(one.id, { ...came, stopCode: 'UserInitiated', stoppedReason: reason, exitCode: 143 });
  }
  const stoppedReason = one.image === 'missing' ? NO_IMAGE : NO_ROUTE;
  return stoppedTask(one.id, { ...came, stopCode: 'TaskFailedToStart', stoppedReason, exitCode: undefined });
}

const sweeping = (sweepMinutes: number): Pool =>
  pool('one', { lanes: [{ ...LANE, standing: { id: 'one', sweepMs: minutes(sweepMinutes) } }] });

describe('the metric of the alarm "Agents fail to start"', () => {
  it.each([10, 60, 240, 1440])(
    'has five datapoints in a row after a sweep of every %i minutes failed, in a pool that has sweeps only',
    async (every) => {
      const start = FROM - (FROM % minutes(every));
      expect(await new Days(sweeping(every)).pass(start, 12)).toMatch(/[1-9]{5}/);
    },
  );

  it.each<[Image, number]>([
    ['silent', 10],
    ['silent', 60],
    ['silent', 240],
    ['silent', 1440],
    ['slow', 60],
    ['slow', 240],
  ])(
    'has five datapoints in a row after a sweep with the %s image failed late, with an interval of %i minutes',
    async (image, every) => {
      const days = new Days(sweeping(every));
      days.image = image;
      expect(await days.pass(FROM - (FROM % minutes(every)), 20)).toMatch(/1{5}/);
    },
  );

  it('counts the failure of a sweep that was launched in the last minute in which it was due', async () => {
    const days = new Days(sweeping(240));
    days.image = 'silent';
    const due = FROM - (FROM % minutes(240));
    expect(await days.pass(due + minutes(4.9), 20)).toMatch(/1{5}/);
  });

  it('ends an hour after the failure, which is how long ECS shows a stopped task', async () => {
    const points = await new Days(sweeping(1440)).pass(FROM - (FROM % minutes(1440)), 120);
    expect(points).toMatch(/^\.{1,3}1{59,60}\.{50,}$/);
  });

  it('ends as soon as a start succeeds', async () => {
    const days = new Days(sweeping(10));
    await days.pass(FROM, 10);
    days.image = 'good';
    expect(await days.pass(FROM + minutes(10), 30)).toMatch(/^1{1,3}\.{27,}$/);
  });

  it('counts a sweep that ECS refused, and continues when the sweep is no longer due', async () => {
    const days = new Days(sweeping(240));
    days.refusal = QUOTA;
    expect(await days.pass(FROM - (FROM % minutes(240)), 10)).toBe('1'.repeat(10));
  });

  it('counts a job that ECS refuses until a launch succeeds', async () => {
    const days = new Days(pool('one', { lanes: [LANE] }));
    days.image = 'good';
    days.platform.runs.set('one', { ok: true, value: [run()] });
    days.refusal = QUOTA;
    expect(await days.pass(FROM, 5)).toBe('11111');
    days.refusal = undefined;
    expect(await days.pass(FROM + minutes(5), 1)).toBe('.');
  });

  it('ends when the job whose launch ECS refused no longer waits, because there may be no further launch', async () => {
    const days = new Days(pool('one', { lanes: [LANE] }));
    days.platform.runs.set('one', { ok: true, value: [run()] });
    days.refusal = QUOTA;
    expect(await days.pass(FROM, 1)).toBe('1');
    days.platform.runs.set('one', { ok: true, value: [] });
    expect(await days.pass(FROM + minutes(1), 5)).toBe('.....');
  });

  it('stops counting a refused sweep when another task of the pool starts', async () => {
    const days = new Days(sweeping(240));
    const due = FROM - (FROM % minutes(240));
    days.refusal = QUOTA;
    expect(await days.pass(due, 7)).toBe('1111111');
    days.refusal = undefined;
    days.image = 'good';
    days.platform.runs.set('one', { ok: true, value: [run({ createdAtMs: due + minutes(6) })] });
    expect(await days.pass(due + minutes(7), 1)).toBe('.');
    days.platform.runs.set('one', { ok: true, value: [] });
    expect(await days.pass(due + minutes(8), 10)).toBe('..........');
  });

  it('isn’t written for an idle pool whose starts succeed', async () => {
    const days = new Days(sweeping(60));
    days.image = 'good';
    expect(await days.pass(FROM, 30)).toBe('.'.repeat(30));
  });
});
