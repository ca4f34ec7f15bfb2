/** The datapoints of the alarm "Agents fail to start" (5 of 5 periods, missing data is fine), from real ticks. */
import { describe, expect, it } from 'vitest';
import { TickReport } from '../../../functions/launcher/adapters/report.ts';
import { METRICS } from '../../../functions/launcher/contract.ts';
import type { Task } from '../../../functions/launcher/core/types.ts';
import type { LaunchAnswer, Pool } from '../../../functions/launcher/ports.ts';
import { tick } from '../../../functions/launcher/tick.ts';
import { agent, LANE, LIMITS, minutes, NOW, run, seconds, stoppedTask } from './core/builders.ts';
import { FakePlatform, FakeTasks, pool } from './fakes.ts';

/** ECS's words: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html */
const NO_IMAGE =
  'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref docker.io/hashicorp/tfc-agent:9.9: not found';

const FROM = NOW - (NOW % minutes(60));

/** A cloud in which each task ends after 70 s, with or without having had an agent. */
class Days {
  readonly platform = new FakePlatform();
  readonly tasks = new FakeTasks();
  image: 'missing' | 'good' = 'missing';
  refusal: LaunchAnswer | undefined;
  readonly #pool: Pool;
  readonly #created: (Pick<Task, 'id' | 'startedBy'> & { atMs: number; image: 'missing' | 'good' })[] = [];
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
      pollBudget: () => ({ usedInLastMinute: 0, taken: [], perMinute: 24 }),
    });
  }

  /** One tick per minute. @returns for each what it wrote of the metric. */
  async pass(fromMs: number, count: number): Promise<string> {
    let points = '';
    for (let nowMs = fromMs; nowMs < fromMs + minutes(count); nowMs += minutes(1)) points += await this.#tick(nowMs);
    return points;
  }

  async #tick(nowMs: number): Promise<string> {
    this.#metrics.length = 0;
    const stopped = this.#created.filter(({ atMs }) => nowMs - atMs > seconds(70) && nowMs - atMs < minutes(60));
    this.tasks.stopped = stopped.map(({ id, startedBy, atMs, image }) =>
      stoppedTask(id, {
        family: LANE.taskDefinition,
        startedBy,
        createdAtMs: atMs,
        stoppedAtMs: atMs + seconds(70),
        ...(image === 'missing'
          ? { startedAtMs: undefined, stopCode: 'TaskFailedToStart', stoppedReason: NO_IMAGE, exitCode: undefined }
          : { startedAtMs: atMs + seconds(10) }),
      }),
    );
    this.platform.agentsOf.set(
      'one',
      this.#created.filter(({ image }) => image === 'good').map(({ id }) => agent(id, 'exited')),
    );
    this.tasks.answer = ({ job, attempt }) => {
      if (this.refusal !== undefined) return this.refusal;
      const id = `${job.key}/${attempt}`;
      if (this.#created.some((one) => one.id === id)) return { kind: 'task', taskId: id, lastStatus: 'PENDING' };
      this.#created.push({ id, startedBy: job.key, atMs: nowMs, image: this.image });
      return { kind: 'task', taskId: id, lastStatus: 'PROVISIONING' };
    };
    const ports = { hcpTerraform: this.platform, tasks: this.tasks, now: () => nowMs };
    const settings = { limits: LIMITS, agentsCeiling: undefined };
    this.#report.report(await tick([this.#pool], settings, ports, new AbortController().signal));
    const written = this.#metrics.find((metric) => metric.startsWith(`${METRICS.startFailures} `));
    return written === undefined ? '.' : (written.split(' ')[1] ?? '?');
  }
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

  it('ends an hour after the last look at the failure, which is how long ECS shows a stopped task', async () => {
    const points = await new Days(sweeping(1440)).pass(FROM - (FROM % minutes(1440)), 120);
    expect(points).toMatch(/^\.{1,3}1{60,66}\.{50,}$/);
  });

  it('ends as soon as a start goes well', async () => {
    const days = new Days(sweeping(10));
    await days.pass(FROM, 10);
    days.image = 'good';
    expect(await days.pass(FROM + minutes(10), 30)).toMatch(/^1{1,3}\.{27,}$/);
  });

  it('counts a sweep that ECS refused, and goes on when its window is over', async () => {
    const days = new Days(sweeping(240));
    days.refusal = { kind: 'refused', refusal: { cause: 'quota', detail: 'vCPUs', remedy: 'raise it' } };
    expect(await days.pass(FROM - (FROM % minutes(240)), 10)).toBe('1'.repeat(10));
  });

  it('counts a job that ECS refuses until a launch succeeds', async () => {
    const days = new Days(pool('one', { lanes: [LANE] }));
    days.image = 'good';
    days.platform.runs.set('one', { ok: true, value: [run()] });
    days.refusal = { kind: 'refused', refusal: { cause: 'quota', detail: 'vCPUs', remedy: 'raise it' } };
    expect(await days.pass(FROM, 5)).toBe('11111');
    days.refusal = undefined;
    expect(await days.pass(FROM + minutes(5), 1)).toBe('.');
  });

  it('is not written by an idle pool whose starts go well', async () => {
    const days = new Days(sweeping(60));
    days.image = 'good';
    expect(await days.pass(FROM, 30)).toBe('.'.repeat(30));
  });
});
