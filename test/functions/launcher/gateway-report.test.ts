/** What the log and the metrics say about gateways. */
import { beforeEach, describe, expect, it } from 'vitest';
import { GATEWAY_METRICS, METRICS } from '../../../functions/launcher/contract.ts';
import type { GatewayView } from '../../../functions/launcher/core/gateway-types.ts';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import { LOG_MESSAGES, tickLine } from '../../../functions/launcher/log-lines.ts';
import { TickReport } from '../../../functions/launcher/report.ts';
import type { PoolTick, Tick } from '../../../functions/launcher/tick.ts';
import type { GatewayTick } from '../../../functions/launcher/tick-gateways.ts';
import { minutes, NOW, seconds } from './core/builders.ts';
import { GATEWAY, gatewayInstance } from './core/gateway-builders.ts';
import { pool } from './fakes.ts';

let lines: { level: string; message: string; attributes: Record<string, unknown> }[];
let metrics: Map<string, number>;
let report: TickReport;

beforeEach(() => {
  lines = [];
  metrics = new Map();
  const log = (level: string) => (message: string, attributes: Record<string, unknown>) => {
    lines.push({ level, message, attributes });
  };
  report = new TickReport({
    logger: { info: log('info'), warn: log('warn'), error: log('error') },
    metrics: {
      addMetric: (name, unit, value) => metrics.set(`${name} ${unit}`, value),
      addDimension: () => undefined,
      publishStoredMetrics: () => undefined,
    },
    pollBudget: () => ({ usedInLastMinute: 7, taken: [70], wanted: [70], perMinute: 24 }),
    scheduleMs: 60_000,
  });
});

const view = (
  status: GatewayView['status'],
  instance?: Partial<Parameters<typeof gatewayInstance>[0]>,
): GatewayView => ({
  gateway: GATEWAY,
  status,
  actions: [],
  problems: [],
  launch: { kind: 'allowed', needsMarks: false },
  ...(instance !== undefined && { instance: gatewayInstance(instance) }),
});
const PROBLEM = { gateway: GATEWAY.name, cause: 'never-ready', detail: 'it was not ready', remedy: 'wait' } as const;
const trouble = new UpstreamError({ system: 'EC2', fault: 'throttled', what: 'slow down' });

function reportOn(gateways: Partial<GatewayTick>, part: Partial<PoolTick> = {}): void {
  const tick: Tick = {
    startedAtMs: NOW,
    endedAtMs: NOW,
    pools: [{ pool: pool('one'), launches: [], stops: [], errors: [], ...part }],
    gateways: { views: [view('asleep')], outcomes: [], problems: [], errors: [], ...gateways },
  };
  report.report(tick);
}
const tickLines = () => lines.filter(({ message }) => message.startsWith('tick'));
const problemLines = () => lines.filter(({ message }) => message === LOG_MESSAGES.gatewayProblem);

describe('the line of a tick', () => {
  it('shows a gateway that is awake, with its age and how long it took to start', () => {
    reportOn({
      views: [view('awake', { launchedAtMs: NOW - minutes(5), readyMs: NOW - minutes(5) + seconds(9) })],
      outcomes: [{ gateway: GATEWAY.name, kind: 'mark', instance: 'i-1', outcome: 'done' }],
    });
    expect(tickLines()[0]).toMatchObject({ level: 'info' });
    expect(tickLines()[0]?.attributes['gateways']).toEqual([
      {
        gateway: GATEWAY.name,
        status: 'awake',
        instance: 'i-1',
        ageDays: 1,
        startedAt: '2026-03-01T11:55:00.000Z',
        startSeconds: 9,
        unusedSeconds: 30,
        actions: [{ action: 'mark', outcome: 'done' }],
      },
    ]);
  });

  it('shows no times of a gateway that isn’t running, and no instance if there is none', () => {
    const asleep = { state: 'stopped', createdAtMs: NOW - minutes(36 * 60) } as const;
    reportOn({ views: [view('asleep', asleep), view('absent')] });
    expect(tickLines()[0]?.attributes['gateways']).toEqual([
      { gateway: GATEWAY.name, status: 'asleep', instance: 'i-1', ageDays: 1.5 },
      { gateway: GATEWAY.name, status: 'absent' },
    ]);
  });

  it('has no start time while the filter of a started gateway doesn’t work yet', () => {
    reportOn({ views: [view('starting', { launchedAtMs: NOW - seconds(5), lastUsedMs: undefined })] });
    const [line] = tickLines();
    expect(line?.attributes['gateways']).toMatchObject([{ startedAt: '2026-03-01T11:59:55.000Z' }]);
    expect(JSON.stringify(line)).not.toMatch(/startSeconds|unusedSeconds/);
  });

  it('has the problems and errors, and fits the schema that the command line reads', () => {
    const outcome = { gateway: GATEWAY.name, kind: 'stop', outcome: 'withheld', reason: 'a task is alive' } as const;
    reportOn({ problems: [PROBLEM], errors: [trouble], outcomes: [outcome] });
    const [line] = tickLines();
    expect(line).toMatchObject({
      level: 'error',
      message: LOG_MESSAGES.tickWithErrors,
      attributes: {
        gateways: [{ actions: [{ action: 'stop', outcome: 'withheld', reason: 'a task is alive' }] }],
        gatewayProblems: [PROBLEM],
        gatewayErrors: [{ system: 'EC2', fault: 'throttled', message: 'EC2: slow down' }],
      },
    });
    const written = { message: line?.message, timestamp: '2026-03-01T12:00:00Z', ...line?.attributes };
    expect(tickLine.parse(written)).toMatchObject({ gatewayProblems: [PROBLEM] });
  });

  it('says nothing about gateways if there are none', () => {
    report.report({ startedAtMs: NOW, endedAtMs: NOW, pools: [] });
    expect(JSON.stringify(lines)).not.toContain('gateway');
    expect([...metrics.keys()].join()).not.toContain('Gateway');
  });
});

describe('a problem of a gateway', () => {
  it('is logged with its remedy when it appears, and again after it was gone', () => {
    reportOn({ problems: [PROBLEM] });
    reportOn({ problems: [PROBLEM] });
    expect(problemLines()).toEqual([{ level: 'warn', message: 'gateway problem', attributes: PROBLEM }]);
    reportOn({});
    reportOn({ problems: [PROBLEM] });
    expect(problemLines()).toHaveLength(2);
  });

  it('is not logged again after a tick that could not read the gateways', () => {
    reportOn({ problems: [PROBLEM] });
    reportOn({ views: [], errors: [trouble] });
    reportOn({ problems: [PROBLEM] });
    expect(problemLines()).toHaveLength(1);
  });

  it('is counted in every tick, for the alarm', () => {
    reportOn({ problems: [PROBLEM, { ...PROBLEM, cause: 'refused-capacity' }] });
    expect(metrics.get(`${GATEWAY_METRICS.problems} Count`)).toBe(2);
    metrics.clear();
    reportOn({});
    expect(metrics.has(`${GATEWAY_METRICS.problems} Count`)).toBe(false);
  });
});

describe('the metrics', () => {
  it('have the age of the oldest gateway while one is running', () => {
    reportOn({ views: [view('awake', { createdAtMs: NOW - minutes(36 * 60) }), view('asleep', { state: 'stopped' })] });
    expect(metrics.get(`${GATEWAY_METRICS.ageDays} Count`)).toBe(1.5);
    metrics.clear();
    reportOn({ views: [view('asleep', { state: 'stopped' })] });
    expect(metrics.has(`${GATEWAY_METRICS.ageDays} Count`)).toBe(false);
  });

  it('count a tick with an error of its gateways as failed, but not as a rejected API token', () => {
    reportOn({ errors: [new UpstreamError({ system: 'EC2', fault: 'rejected', what: 'no', status: 401 })] });
    expect(metrics.get(`${METRICS.failedTicks} Count`)).toBe(1);
    expect(metrics.has(`${METRICS.apiTokenRejected} Count`)).toBe(false);
  });

  it('don’t count launches that wait for a gateway, because no limit prevents them', () => {
    const deferrals = [
      { jobKey: 'run-1/plan', cause: 'gateway', reason: 'starting' },
      { jobKey: 'sweep/a/1', cause: 'gateway', reason: 'starting' },
    ] as const;
    reportOn({}, { decision: { launches: [], stops: [], deferrals } });
    expect(metrics.has(`${METRICS.launchesDeferred} Count`)).toBe(false);
    expect(metrics.has(`${METRICS.standingDeferred} Count`)).toBe(false);
  });
});
