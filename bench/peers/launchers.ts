/** The launchers of the comparison, with their prices. All prices come from `lib/aws/prices.ts`. */
import { HOURS, jobCost, total } from '../../lib/aws/costs.ts';
import { PRICES } from '../../lib/aws/prices.ts';
import { activePoolHourCost, idleLauncherLines } from '../../test/lib/launcher-costs.ts';
import { alwaysOn, assareh, OPERATOR_COOLDOWN, operator, oulman } from './models.ts';
import type { Workload } from './workloads.ts';
import { type Day, playLauncher, playPeer } from './world.ts';

const HOURS_OF_A_DAY = 24;

/** The size of every agent's task. */
export const AGENT = { cpu: 1024, memoryMiB: 2048, architecture: 'x86_64' } as const;

export interface Launcher {
  readonly name: string;
  readonly play: (workload: Workload) => Promise<Day>;
  /** What its own processes cost on a day, without agents. */
  readonly ownUsd: (day: Day) => number;
  /** What a month costs in which nothing runs. */
  readonly idleMonthUsd: number;
  /** What the price doesn't include. */
  readonly notIncluded?: string;
  /** Why it can be better than this launcher, by what it is better at. */
  readonly because: {
    readonly wait: string;
    readonly cost: string;
    /** Absent: it makes no decisions, so a comparison of its requests says nothing. */
    readonly requests?: string;
  };
}

/** Price of the agents' tasks on Fargate. */
export function agentsUsd({ billedMs }: Pick<Day, 'billedMs'>): number {
  return billedMs.reduce((sum, ms) => sum + jobCost({ ...AGENT, seconds: ms / 1000 }), 0);
}

const idleLines = idleLauncherLines();
/** Everything that a month of the launcher costs except the function's own time, which the world measures. */
const fixedMonthUsd = total(idleLines.filter(({ item }) => item !== 'launcher'));

/** The function has 256 MB. */
const functionUsd = (seconds: number, invocations: number): number =>
  seconds * 0.25 * PRICES.lambdaGbSecondArm.usd + invocations * PRICES.lambdaRequest.usd;

/** The autoscaler's task has the smallest size, and runs all the time. oulman/tfc-agent-autoscaler, terraform/variables.tf:32-42 */
const daemonUsd = (hours: number): number =>
  jobCost({ cpu: 256, memoryMiB: 512, architecture: 'x86_64', seconds: hours * 3600 });

/** terraform/secrets.tf: the API token and the agent token */
const oulmanMonthUsd = daemonUsd(HOURS) + 2 * PRICES.secretMonth.usd;

/** A webhook's function has 128 MB, Lambda's default. It waits for SSM, ECS and HCP Terraform, about a second. */
const WEBHOOK_SECONDS = 1;

const aDayOf = (monthUsd: number): number => (monthUsd / HOURS) * HOURS_OF_A_DAY;
const aMonthOfAgents = (agents: number): number => agents * jobCost({ ...AGENT, seconds: HOURS * 3600 });

const RUNS_ALREADY = 'its agents run before a job is queued';
const REUSES = 'its agents take one job after the other, so a job of a burst does not wait for a task to start';

export const OURS: Launcher = {
  name: 'this launcher',
  play: playLauncher,
  ownUsd: ({ functionSeconds, invocations, activeHours }) =>
    aDayOf(fixedMonthUsd) + functionUsd(functionSeconds, invocations) + activeHours * activePoolHourCost(),
  idleMonthUsd: total(idleLines),
  because: { wait: '', cost: '' },
};

function fixedNumber(agents: number): Launcher {
  return {
    name: `${agents} agents, always on`,
    play: (workload) => playPeer(alwaysOn(agents), workload),
    ownUsd: () => 0,
    idleMonthUsd: aMonthOfAgents(agents),
    because: { wait: RUNS_ALREADY, cost: 'it has no fixed cost except its agents' },
  };
}

export const OTHERS: readonly Launcher[] = [
  {
    name: 'operator',
    play: (workload) => playPeer(operator(OPERATOR_COOLDOWN), workload),
    ownUsd: () => 0,
    idleMonthUsd: 0,
    notIncluded: 'the cluster',
    because: { wait: REUSES, cost: 'its price here does not include the cluster' },
  },
  {
    name: 'operator, `scaleUpSeconds: 0`',
    play: (workload) => playPeer(operator({ ...OPERATOR_COOLDOWN, upSeconds: 0 }), workload),
    ownUsd: () => 0,
    idleMonthUsd: 0,
    notIncluded: 'the cluster',
    because: { wait: `it asks every 30 s, and ${REUSES}`, cost: 'its price here does not include the cluster' },
  },
  {
    name: 'oulman',
    play: (workload) => playPeer(oulman, workload),
    ownUsd: () => aDayOf(oulmanMonthUsd),
    idleMonthUsd: oulmanMonthUsd,
    because: { wait: REUSES, cost: 'its agents stay for the next job, so fewer tasks start' },
  },
  {
    name: 'assareh',
    play: (workload) => playPeer(assareh, workload),
    ownUsd: ({ invocations }) => functionUsd((invocations * WEBHOOK_SECONDS) / 2, invocations),
    idleMonthUsd: 0,
    because: {
      wait: 'a webhook starts an agent within seconds, and its counter leaves agents running that nothing needs',
      cost: 'it has no fixed cost, and the jobs that it never serves cost nothing',
      requests: 'HCP Terraform calls it, so it polls nothing',
    },
  },
  fixedNumber(10),
  fixedNumber(100),
];
