/** The workloads of the comparison. Each is one day, and a seed determines it. All launchers get the same runs. */
import { Random } from '../../test/simulation/random.ts';
import type { RunCreated, ScenarioEvent } from '../../test/simulation/scenario.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
/** How long each world lasts. */
export const DAY = 24 * HOUR;

export const POOL_NAME = 'pool-0';

export interface Workload {
  readonly name: string;
  readonly description: string;
  /** Number of workspaces of the pool, including those without a run. */
  readonly workspaces: number;
  readonly runs: readonly ScenarioEvent[];
}

const RUN: RunCreated = {
  kind: 'run',
  pool: POOL_NAME,
  workspace: 'ws-0',
  operation: 'plan_and_apply',
  approval: 'auto',
  approvalMs: 0,
  planMs: MINUTE,
  applyMs: MINUTE,
  before: [],
  between: [],
};

type Draw = (random: Random, index: number) => Partial<RunCreated> & { readonly atMs: number };

function workload(name: string, description: string, workspaces: number, runs: number, draw: Draw): Workload {
  const random = new Random(`benchmark/${name}`);
  const drawn = Array.from({ length: runs }, (_, index) => ({ ...RUN, ...draw(random, index) }));
  const inOrder = drawn.toSorted((a, b) => a.atMs - b.atMs).map((run, id) => ({ ...run, id }));
  return { name, description, workspaces, runs: inOrder };
}

/** A time of the working day, which lasts from 8:00 to 18:00. */
const workingHours = (random: Random): number => Math.round(random.between(8 * HOUR, 18 * HOUR));

/** Most plans take about a minute. Applies are often short, but every twentieth takes up to half an hour, like that of a database. */
const planMs = (random: Random): number => Math.round(random.between(20 * SECOND, 2 * MINUTE));
const applyMs = (random: Random): number =>
  Math.round(random.chance(0.05) ? random.between(10 * MINUTE, 30 * MINUTE) : random.between(20 * SECOND, 4 * MINUTE));

/** A run of a person's working day: four of ten are speculative plans, a person approves half of the others, and one of 20 plans fails. */
function ordinaryRun(random: Random, workspaces: number): Partial<RunCreated> & { readonly atMs: number } {
  return {
    atMs: workingHours(random),
    workspace: `ws-${random.whole(0, workspaces - 1)}`,
    operation: random.chance(0.4) ? 'plan_only' : 'plan_and_apply',
    approval: random.chance(0.5) ? 'person' : 'auto',
    approvalMs: Math.round(random.between(MINUTE, 20 * MINUTE)),
    planMs: planMs(random),
    applyMs: applyMs(random),
    fails: random.chance(0.05) ? 'plan' : undefined,
  };
}

export const WORKLOADS: readonly Workload[] = [
  workload('quiet day', '8 runs in 10 workspaces, between 8:00 and 18:00', 10, 8, (random) => ordinaryRun(random, 10)),
  workload('working day', '300 runs in 60 workspaces, between 8:00 and 18:00', 60, 300, (random) =>
    ordinaryRun(random, 60),
  ),
  workload(
    'monorepo push',
    'one push at 10:00 queues a run in each of 300 workspaces within 60 s; applies are automatic',
    300,
    300,
    (random, index) => ({
      atMs: Math.round(10 * HOUR + random.between(0, MINUTE)),
      workspace: `ws-${index}`,
      planMs: planMs(random),
      applyMs: applyMs(random),
    }),
  ),
  workload(
    'nightly drift check',
    'from 2:00 on, a script queues a speculative plan in each of 1,000 workspaces within 100 s',
    1000,
    1000,
    (random, index) => ({
      atMs: 2 * HOUR + index * 100,
      workspace: `ws-${index}`,
      operation: 'plan_only',
      planMs: planMs(random),
    }),
  ),
];
