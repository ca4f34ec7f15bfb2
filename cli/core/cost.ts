/** Adds up what a launcher costs, from the lines of the tasks that ended. */
import type { TaskEndedLine } from '../../functions/launcher/log-lines.ts';
import { HOURS, idleLauncherCost, type JobSize, jobCost, total } from '../../lib/aws/costs.ts';
import { PRICES } from '../../lib/aws/prices.ts';
import type { Cost, Grouping } from './cost-json.ts';
import { dateTime } from './durations.ts';
import { counted } from './sentences.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

export type TaskSize = Omit<JobSize, 'seconds' | 'publicAddress'>;

export interface CostPool {
  readonly name: string;
  readonly maxAgents: number;
  /** Sizes of the pool's lanes; empty if they could not be read. */
  readonly sizes: readonly TaskSize[];
}

export interface CostInput {
  readonly stack: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly days: number;
  readonly by: Grouping;
  /** Each task once. */
  readonly ended: readonly TaskEndedLine[];
  /** Tasks whose job isn't known for certain. They count for the job that they were started for. */
  readonly assumed?: number;
  readonly pools: readonly CostPool[];
  /** The stack's outputs `EgressIdleCost`, `IdlePollCost` and `NudgeCost`; `undefined` if the stack doesn't have the output. */
  readonly outputs: {
    readonly network: string | undefined;
    readonly idlePoll: string | undefined;
    readonly nudge: string | undefined;
  };
  readonly secrets: number;
  /** Whether each task has a public address. */
  readonly publicAddresses: boolean;
  /** `undefined` if the alarms could not be read. */
  readonly alarms: number | undefined;
}

export function costOf(input: CostInput): Cost {
  const { stack, fromMs, toMs, days, by, ended } = input;
  const fargate = sumOf(ended);
  const idle = idleOf(input);
  const publicAddresses = input.publicAddresses ? (fargate.billedSeconds / 3600) * PRICES.publicAddressHour.usd : 0;
  const firstTaskAt = ended.map(endOf).sort()[0] ?? null;
  return {
    stack,
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    days,
    by,
    rows: rowsOf(input),
    fargate,
    publicAddresses,
    idle,
    total: fargate.dollars + publicAddresses + idle.dollars,
    alwaysOn: alwaysOn(input),
    firstTaskAt,
    remarks: [...remarksOf(input, firstTaskAt)],
  };
}

/** The cost with the names of workspaces. @param names by id */
export function withNames(cost: Cost, names: ReadonlyMap<string, string>): Cost {
  const rows = cost.rows.map((row) => {
    const name = names.get(row.key);
    return name === undefined ? row : { ...row, name };
  });
  return { ...cost, rows };
}

function rowsOf({ by, ended, fromMs, toMs }: CostInput): Cost['rows'] {
  const groups = Map.groupBy(ended, (line) => keyOf(line, by));
  if (by === 'day') {
    // Days without a task are part of the picture.
    const first = Math.floor(fromMs / DAY_MS) * DAY_MS;
    for (let at = first; at < toMs; at += DAY_MS) {
      const day = new Date(at).toISOString().slice(0, 10);
      if (!groups.has(day)) groups.set(day, []);
    }
  }
  const rows = [...groups].map(([key, lines]) => ({ key, ...sumOf(lines) }));
  return rows.sort((a, b) =>
    by === 'day' ? (a.key < b.key ? -1 : 1) : b.dollars - a.dollars || (a.key < b.key ? -1 : 1),
  );
}

function keyOf(line: TaskEndedLine, by: Grouping): string {
  if (by === 'pool') return line.pool;
  if (by === 'day') return endOf(line).slice(0, 10);
  return line[by] ?? 'no known job';
}

/** ISO 8601 in UTC: when the task ended. */
function endOf({ stoppedAt, timestamp }: TaskEndedLine): string {
  return new Date(stoppedAt ?? timestamp).toISOString();
}

function sumOf(lines: readonly TaskEndedLine[]): Cost['fargate'] {
  return {
    tasks: lines.length,
    runs: new Set(lines.flatMap(({ run }) => run ?? [])).size,
    billedSeconds: lines.reduce((sum, { seconds }) => sum + seconds.billed, 0),
    dollars: lines.reduce((sum, { dollars }) => sum + dollars, 0),
  };
}

function idleOf({ outputs, secrets, alarms = 0, fromMs, toMs }: CostInput): Cost['idle'] {
  const network = monthly(outputs.network);
  const idlePoll = monthly(outputs.idlePoll);
  // IdlePollCost includes the queue that nudges use.
  const nudge = idlePoll === undefined ? monthly(outputs.nudge) : undefined;
  const parts = [
    ...(network === undefined ? [] : [{ item: 'network', dollarsPerMonth: network }]),
    { item: 'launcher, secrets and alarms', dollarsPerMonth: total(idleLauncherCost({ secrets, alarms })) },
    ...(idlePoll === undefined ? [] : [{ item: 'idle polling', dollarsPerMonth: idlePoll }]),
    ...(nudge === undefined ? [] : [{ item: 'queue of the nudges', dollarsPerMonth: nudge }]),
  ];
  const dollarsPerMonth = parts.reduce((sum, part) => sum + part.dollarsPerMonth, 0);
  return { dollars: (dollarsPerMonth * (toMs - fromMs)) / HOUR_MS / HOURS, dollarsPerMonth, parts };
}

/** The amount in an output such as `$36.51 per month` or `$0.46 per month, which …`. */
function monthly(output: string | undefined): number | undefined {
  const [, amount] = /^\$([\d,]+(?:\.\d+)?) per month/.exec(output ?? '') ?? [];
  return amount === undefined ? undefined : Number(amount.replaceAll(',', ''));
}

function alwaysOn({ pools, ended, fromMs, toMs, publicAddresses: publicAddress }: CostInput): Cost['alwaysOn'] {
  const hours = (toMs - fromMs) / HOUR_MS;
  const fleet = { maxAgents: { agents: 0, dollars: 0 }, peak: { agents: 0, dollars: 0 } };
  for (const { name, maxAgents, sizes } of pools) {
    // An agent that runs all the time takes every job, so it has the size of the largest lane.
    const hourly = Math.max(...sizes.map((size) => jobCost({ ...size, publicAddress, seconds: 3600 })));
    if (sizes.length === 0) return null;
    const peak = peakOf(ended.filter(({ pool }) => pool === name));
    fleet.maxAgents.agents += maxAgents;
    fleet.maxAgents.dollars += maxAgents * hours * hourly;
    fleet.peak.agents += peak;
    fleet.peak.dollars += peak * hours * hourly;
  }
  return fleet;
}

/** Maximum number of these tasks that existed at the same time. */
export function peakOf(ended: readonly TaskEndedLine[]): number {
  const changes = ended.flatMap((line) => {
    const endMs = Date.parse(endOf(line));
    const startMs = Date.parse(line.createdAt ?? line.startedAt ?? '') || endMs - line.seconds.billed * 1000;
    return [
      { atMs: startMs, by: 1 },
      { atMs: endMs, by: -1 },
    ];
  });
  // If one task ends when another one starts, they didn't run at the same time.
  changes.sort((a, b) => a.atMs - b.atMs || a.by - b.by);
  let now = 0;
  let most = 0;
  for (const { by } of changes) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}

function* remarksOf(
  { outputs, alarms, pools, fromMs, toMs, ended, by, assumed = 0 }: CostInput,
  firstTaskAt: string | null,
): Iterable<string> {
  yield 'Everything is estimated at On-Demand list prices of us-east-1, without free tiers, taxes and discounts. Compare it with your bill.';
  yield 'Not included: traffic, logs of the agents, the metrics of busy pools, and the launcher’s work while jobs run.';
  if (ended.some(({ capacity }) => capacity === 'spot')) {
    yield 'Spot tasks are counted at half the On-Demand price, which is an upper estimate (unverified).';
  }
  if (by === 'day' && (fromMs % DAY_MS !== 0 || toMs % DAY_MS !== 0)) {
    yield 'The first and the last day are partial, because the period ends now and days are in UTC.';
  }
  if (assumed > 0) {
    yield `The job of ${counted(assumed, 'task')} isn’t known for certain. ${assumed === 1 ? 'It counts' : 'They count'} for the job that ${assumed === 1 ? 'it was' : 'they were'} started for, but agents take any queued job of their pool.`;
  }
  if (outputs.network === undefined) {
    yield 'The stack has no output EgressIdleCost, so the price of the network isn’t included.';
  }
  if (alarms === undefined) yield 'The alarms could not be read, so their price isn’t included.';
  if (pools.some(({ sizes }) => sizes.length === 0)) {
    yield 'The task definitions could not be read, so there is no comparison with agents that run all the time.';
  }
  if (firstTaskAt === null) {
    yield 'The log has no task that ended in this period. Older launchers did not log them.';
  } else if (Date.parse(firstTaskAt) - fromMs > DAY_MS) {
    yield `The first task of the period ended at ${dateTime(Date.parse(firstTaskAt))}. Earlier ones may be missing: the log keeps logRetentionDays, and older launchers did not log them.`;
  }
  yield 'Tasks that still run aren’t included. If the launcher is paused for an hour or longer, the tasks that end early in the pause aren’t either.';
}
