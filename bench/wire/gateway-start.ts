/**
 * What a gateway of the egress mode `on-demand` adds to the wait for a task, over HTTP. Each job has its own system, whose pool is idle. The jobs of
 * all variants are queued at the same times of the minute between two invocations, so that a pair differs only in the gateway.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { MEASURED_TIMES } from '../../local/aws/core/ec2/times.ts';
import { FILTER_MS } from '../../local/gateway/local-gateway.ts';
import type { Deployment } from '../../test/journey/deployment.ts';
import { PHASES, System, type SystemOptions } from './system.ts';
import { waited } from './wait.ts';

/** Jobs of each variant, at evenly distributed times of the second half of the minute. Before that, the systems start. */
const JOBS = 8;
const MINUTE_MS = 60_000;
/** The systems start one after the other, so that the machine is idle again when the jobs are queued. */
const START_EVERY_MS = 400;
const PATIENCE_MS = 4 * MINUTE_MS;

/** A task whose network interface is created faster than the gateway starts. Its pull fails, because the emulator doesn't let it wait. */
const EARLY_PULL = { ...PHASES, provisionMs: 5_000 };

interface Variant {
  readonly name: string;
  readonly options: SystemOptions;
  /** The gateway is awake when the job is queued. */
  readonly isAwake?: boolean;
}

const NO_GATEWAY: Variant = { name: 'no gateway', options: {} };
const VARIANTS: readonly Variant[] = [
  { name: 'awake', options: { gateway: 'before-tasks' }, isAwake: true },
  { name: 'asleep, `gatewayStart: before-tasks`', options: { gateway: 'before-tasks' } },
  { name: 'asleep, `gatewayStart: with-tasks`', options: { gateway: 'with-tasks' } },
  {
    name: `asleep, \`with-tasks\`, and the image pull begins after ${EARLY_PULL.provisionMs / 1000} s and fails`,
    options: { gateway: 'with-tasks', phases: EARLY_PULL },
  },
];

/** Seconds from queueing. */
interface Wait {
  readonly runTask: number;
  readonly running: number;
}

export interface GatewayStartWaits {
  readonly name: string;
  /** Seconds that a gateway adds until the RunTask whose task runs the job, one per job. */
  readonly runTask: readonly number[];
  /** Seconds that it adds until a task is RUNNING. */
  readonly running: readonly number[];
  /** Tasks that were launched in addition, because others failed to start. */
  readonly extraTasks: number;
}

export interface GatewayStarts {
  readonly date: string;
  readonly commit: string;
  /** Phases of a task's start, in seconds. */
  readonly phases: { readonly provision: number; readonly pull: number; readonly boot: number };
  /** From the start of a gateway until it is ready. */
  readonly readySeconds: number;
  readonly jobs: number;
  readonly variants: readonly GatewayStartWaits[];
}

export async function measureGatewayStarts(
  deployment: Deployment,
  made: Pick<GatewayStarts, 'date' | 'commit'>,
): Promise<GatewayStarts> {
  const [without = [], ...others] = await Promise.all(
    [NO_GATEWAY, ...VARIANTS].map((variant, index) =>
      Promise.all(
        Array.from({ length: JOBS }, async (_, n) => {
          await delay((n * (VARIANTS.length + 1) + index) * START_EVERY_MS);
          return await waitOf(deployment, variant, n);
        }),
      ),
    ),
  );
  const early = EARLY_PULL.provisionMs - PHASES.provisionMs;
  const variants = VARIANTS.map(({ name, options }, index): GatewayStartWaits => {
    const waits = others[index] ?? [];
    const fasterMs = options.phases === EARLY_PULL ? early : 0;
    const added = (pick: (wait: Wait) => number, offset: number): number[] =>
      waits.map((wait, n) => pick(wait) - pick(without[n] ?? wait) - offset);
    return {
      name,
      runTask: added(({ runTask }) => runTask, 0),
      running: added(({ running }) => running, fasterMs / 1000),
      extraTasks: waits.reduce((sum, { tasks }) => sum + tasks - 1, 0),
    };
  });
  const { provisionMs, pullMs, bootMs } = PHASES;
  return {
    ...made,
    readySeconds: (MEASURED_TIMES.startMs + FILTER_MS) / 1000,
    phases: { provision: provisionMs / 1000, pull: pullMs / 1000, boot: bootMs / 1000 },
    jobs: JOBS,
    variants,
  };
}

/** One job, at the nth time of the minute. */
async function waitOf(deployment: Deployment, { name, options, isAwake }: Variant, n: number) {
  const system = await System.start(deployment, options);
  try {
    await orFail(`the first invocation, ${name}`, () => system.invocations.length > 0);
    if (isAwake === true) await system.wakeGateway();
    // The function of each system is invoked once per minute, beginning with its first invocation.
    const dueMs = (system.invocations[0]?.startedAt ?? Number.NaN) + (0.5 + (n + 0.5) / (2 * JOBS)) * MINUTE_MS;
    await delay(Math.max(0, dueMs - Date.now()));
    const queuedAtMs = Date.now();
    const [run = ''] = system.queue(1);
    const job = `${run}/plan`;
    const running = () => system.running.find((one) => one.job === job);
    await orFail(`the task of a job, ${name}`, () => running() !== undefined);
    const launches = system.launched.filter((one) => one.job === job);
    const seconds = (atMs: number | undefined): number => ((atMs ?? Number.NaN) - queuedAtMs) / 1000;
    return {
      runTask: seconds(launches.at(-1)?.atMs),
      running: seconds(running()?.atMs),
      tasks: launches.length,
    };
  } finally {
    await system.close();
  }
}

async function orFail(what: string, condition: () => boolean): Promise<void> {
  if (!(await waited(PATIENCE_MS, condition))) throw new Error(`The benchmark still waits for ${what}`);
}
