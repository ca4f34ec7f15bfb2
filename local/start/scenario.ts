/** The demo's scenario: the runs, their times, the expected result of each run, and the faults. */
import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_GATEWAY_IDLE_MINUTES } from '../../lib/defaults.ts';
import type { LocalGateway } from '../gateway/local-gateway.ts';
import { awaitsDecision, isFinal } from '../hcp-terraform/runs.ts';
import { archiveOf, BROKEN, DATABASE, DNS, NETWORK, NETWORK_GROWN } from './configurations.ts';
import type { Incidents } from './incidents.ts';
import type { LocalWorld } from './world.ts';

/** The workspaces, with the pool of each. */
const WORKSPACES = {
  network: 'production',
  database: 'production',
  dns: 'production',
  'network-dev': 'sandbox',
  'dns-dev': 'sandbox',
  'web-dev': 'sandbox',
} as const;

interface ScenarioRun {
  /** Time since the start of the scenario. */
  readonly atMs: number;
  readonly workspace: keyof typeof WORKSPACES;
  readonly kind: 'plan' | 'apply' | 'destroy';
  readonly configuration: string;
  readonly message: string;
  /** How long a person looks at the plan before approving it. Absent: the plan is applied automatically. */
  readonly confirmedAfterMs?: number;
}

const REVIEW = { workspace: 'dns-dev', kind: 'plan', configuration: DNS } as const;
const GROWN = { workspace: 'network', configuration: NETWORK_GROWN } as const;

/** About 25 seconds with typical runs: changes, reviews, a mistake, a discarded plan, and a clean-up. */
const SCENARIO: readonly ScenarioRun[] = [
  { atMs: 0, workspace: 'network', kind: 'apply', configuration: NETWORK, message: 'Create the network' },
  { atMs: 300, workspace: 'network-dev', kind: 'apply', configuration: NETWORK, message: 'Create the sandbox network' },
  {
    atMs: 3_000,
    workspace: 'database',
    kind: 'apply',
    configuration: DATABASE,
    message: 'Create the database',
    confirmedAfterMs: 2_500,
  },
  { atMs: 5_000, workspace: 'web-dev', kind: 'apply', configuration: BROKEN, message: 'Create twelve replicas' },
  { atMs: 9_000, ...REVIEW, message: 'Review: www' },
  { atMs: 9_150, ...REVIEW, message: 'Review: api' },
  { atMs: 9_300, ...REVIEW, message: 'Review: mail' },
  { atMs: 12_000, workspace: 'dns', kind: 'apply', configuration: DNS, message: 'Create the records' },
  { atMs: 17_000, ...GROWN, kind: 'plan', message: 'What would one more subnet change?' },
  { atMs: 20_000, workspace: 'network-dev', kind: 'destroy', configuration: NETWORK, message: 'Remove the sandbox' },
  { atMs: 24_000, ...GROWN, kind: 'apply', message: 'Add one more subnet' },
];

/** The faults that the demo causes, with their times. Each comes just before it matters. */
const REFUSAL = { atMs: 11_900, pool: WORKSPACES.dns } as const;
const KILLED_AGENT = { atMs: 9_200, pool: WORKSPACES['dns-dev'] } as const;
const KILLED_LAUNCHER = { atMs: 19_800 } as const;

/**
 * What the demo will do, for the user.
 *
 * @param failsOnPurpose whether Terraform is there, so that a wrong configuration fails
 * @param hasGateway whether the tasks need a gateway, which sleeps
 */
export function announcement(failsOnPurpose: boolean, hasGateway: boolean): readonly string[] {
  const workspaces = new Set(SCENARIO.map(({ workspace }) => workspace)).size;
  const isOneJob = ({ kind, configuration }: ScenarioRun): boolean =>
    kind === 'plan' || (failsOnPurpose && configuration === BROKEN);
  const jobs = SCENARIO.reduce((sum, run) => sum + (isOneJob(run) ? 1 : 2), 0);
  return [
    `This demo takes ${hasGateway ? 'a minute' : 'half a minute'}: ${SCENARIO.length} runs in ${workspaces} workspaces, with ${jobs} jobs.`,
    ...(hasGateway ? gatewayAnnouncement() : []),
    'Each job (a plan or an apply) gets its own container. On purpose:',
    ...(failsOnPurpose ? ['  - The configuration of web-dev is wrong, so its run ends as errored.'] : []),
    '  - ECS refuses a launch.',
    '  - An agent is killed before it gets a job.',
    '  - The launcher is killed.',
    'Everything else must succeed, and the summary at the end says whether it did.',
    '',
  ];
}

function gatewayAnnouncement(): string[] {
  return [
    'Tasks reach the internet only through a gateway, an EC2 instance that sleeps.',
    'The first job wakes it, and waits for it: no task starts without a gateway.',
    `At the end, the demo skips the ${DEFAULT_GATEWAY_IDLE_MINUTES} minutes after which an idle gateway stops.`,
  ];
}

const POLL_MS = 100;
/** How long the demo goes on when the gateway is asleep again, so that the table and the picture show it. */
const ASLEEP_SHOWN_MS = 1_500;

/** Skips the time for which a gateway stays awake without a task, and waits until the launcher has stopped it. */
export async function letGatewaySleep(
  gateway: LocalGateway,
  announce: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const minutes = DEFAULT_GATEWAY_IDLE_MINUTES;
  announce(`on purpose: ${minutes} min are skipped; ${gateway.shortName} seems unused for that long`);
  gateway.skip(minutes * 60_000);
  while (gateway.phase !== 'asleep') await delay(POLL_MS, undefined, { signal });
  await delay(ASLEEP_SHOWN_MS, undefined, { signal });
}

/**
 * Queues the runs at their times and confirms runs that wait for a person, through the public API. It resolves when all runs have
 * ended and no container is left.
 *
 * @param expected receives the expected final status of each run by its id
 * @param incidents causes the faults
 */
export async function playScenario(
  { api, poolIds, hcpTerraform, ecs }: LocalWorld,
  expected: Map<string, string>,
  incidents: Incidents,
  signal: AbortSignal,
): Promise<void> {
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await delay(POLL_MS, undefined, { signal });
  };
  const workspaceIds = new Map<string, string>();
  for (const [name, pool] of Object.entries(WORKSPACES)) {
    const { id } = await api.createWorkspace({ name, poolId: poolIds.get(pool) ?? '' });
    workspaceIds.set(name, id);
  }
  const play = async (run: ScenarioRun): Promise<void> => {
    const archive = await archiveOf(run.configuration);
    await delay(run.atMs, undefined, { signal });
    const runId = await api.queueRun({
      workspaceId: workspaceIds.get(run.workspace) ?? '',
      archive,
      message: run.message,
      planOnly: run.kind === 'plan',
      autoApply: run.confirmedAfterMs === undefined,
      isDestroy: run.kind === 'destroy',
    });
    expected.set(runId, endOf(run));
    const record = hcpTerraform.world.runs.get(runId);
    if (record === undefined) return;
    if (run.confirmedAfterMs !== undefined) {
      await until(() => record.plan.ended);
      await delay(run.confirmedAfterMs, undefined, { signal });
      if (awaitsDecision(record)) await api.confirm(runId, 'Looks right.');
    }
    await until(() => isFinal(record));
  };
  const isTaken = (taskId: string): boolean =>
    [...hcpTerraform.world.runs.values()].some(({ plan, apply }) =>
      [plan, apply].some(({ executedBy }) => executedBy?.agentName === taskId),
    );
  const at = async (atMs: number, cause: () => unknown): Promise<void> => {
    await delay(atMs, undefined, { signal });
    await cause();
  };
  const ended = new AbortController();
  const kill = at(KILLED_AGENT.atMs, () =>
    incidents.killAnAgent(KILLED_AGENT.pool, isTaken, AbortSignal.any([signal, ended.signal])),
  ).catch((error: unknown) => {
    // On a very slow machine, the demo may end without an agent that can be killed. After Ctrl-C, the other promises reject.
    if (!ended.signal.aborted && !signal.aborted) throw error;
  });
  await Promise.all([
    ...SCENARIO.map(play),
    at(REFUSAL.atMs, () => incidents.refuseNextLaunch(REFUSAL.pool)),
    at(KILLED_LAUNCHER.atMs, () => incidents.killLauncher()),
  ]);
  ended.abort();
  await kill;
  await until(() => ecs.tasks().every(({ lastStatus }) => lastStatus === 'STOPPED'));
}

function endOf({ kind, configuration }: ScenarioRun): string {
  if (configuration === BROKEN) return 'errored';
  return kind === 'plan' ? 'planned_and_finished' : 'applied';
}
