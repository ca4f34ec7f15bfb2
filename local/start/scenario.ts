/** What the demo queues, when, and the expected end of each run. */
import { setTimeout as delay } from 'node:timers/promises';
import { archiveOf, BROKEN, DATABASE, DNS, NETWORK, NETWORK_GROWN } from './configurations.ts';
import type { HcpApi } from './hcp-api.ts';

export interface ScenarioRun {
  /** Time since the start of the scenario. */
  readonly atMs: number;
  readonly workspace: string;
  readonly message: string;
  readonly kind: 'plan' | 'apply' | 'destroy';
  readonly configuration: string;
  /** Absent: applied automatically. */
  readonly confirmedAfterMs?: number;
  /** Final status if the real Terraform executes it. */
  readonly ends: 'applied' | 'planned_and_finished' | 'errored';
}

/** Workspaces with the pool that serves them. */
export const WORKSPACES: Readonly<Record<string, 'production' | 'sandbox'>> = {
  network: 'production',
  database: 'production',
  dns: 'production',
  'network-dev': 'sandbox',
  'dns-dev': 'sandbox',
  'web-dev': 'sandbox',
};

/** About 25 seconds of an ordinary day: changes, reviews, one mistake, one careful person, and a clean-up. */
export const SCENARIO: readonly ScenarioRun[] = [
  {
    atMs: 0,
    workspace: 'network',
    message: 'Create the network',
    kind: 'apply',
    configuration: NETWORK,
    ends: 'applied',
  },
  {
    atMs: 300,
    workspace: 'network-dev',
    message: 'Create the network of the sandbox',
    kind: 'apply',
    configuration: NETWORK,
    ends: 'applied',
  },
  {
    atMs: 3_000,
    workspace: 'database',
    message: 'Create the database',
    kind: 'apply',
    configuration: DATABASE,
    confirmedAfterMs: 2_500,
    ends: 'applied',
  },
  {
    atMs: 5_000,
    workspace: 'web-dev',
    message: 'Twelve replicas, please',
    kind: 'apply',
    configuration: BROKEN,
    ends: 'errored',
  },
  ...['Review: www', 'Review: api', 'Review: mail'].map(
    (message, index): ScenarioRun => ({
      atMs: 9_000 + index * 150,
      workspace: 'dns-dev',
      message,
      kind: 'plan',
      configuration: DNS,
      ends: 'planned_and_finished',
    }),
  ),
  {
    atMs: 12_000,
    workspace: 'dns',
    message: 'Create the records',
    kind: 'apply',
    configuration: DNS,
    ends: 'applied',
  },
  {
    atMs: 17_000,
    workspace: 'network',
    message: 'One subnet more: what would that do?',
    kind: 'plan',
    configuration: NETWORK_GROWN,
    ends: 'planned_and_finished',
  },
  {
    atMs: 20_000,
    workspace: 'network-dev',
    message: 'The sandbox is not needed any more',
    kind: 'destroy',
    configuration: NETWORK,
    ends: 'applied',
  },
  {
    atMs: 24_000,
    workspace: 'network',
    message: 'One subnet more',
    kind: 'apply',
    configuration: NETWORK_GROWN,
    ends: 'applied',
  },
];

export interface Scenario {
  /** Expected final status by id of the runs that are already queued. */
  readonly expected: ReadonlyMap<string, string>;
  /** Resolves when all runs are queued. Rejects if HCP Terraform refused one, or if the signal is aborted. */
  readonly queued: Promise<void>;
  /** Call this when a run waits for a confirmation. It is confirmed after a while. */
  confirmLater(runId: string): void;
}

/** Queues the runs at their times, through the public API. */
export function playScenario(
  api: HcpApi,
  workspaceIds: ReadonlyMap<string, string>,
  signal: AbortSignal,
  runs: readonly ScenarioRun[] = SCENARIO,
): Scenario {
  const expected = new Map<string, string>();
  const confirmations = new Map<string, number>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);

  const queue = async (run: ScenarioRun): Promise<void> => {
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
    expected.set(runId, run.ends);
    if (run.confirmedAfterMs !== undefined) confirmations.set(runId, run.confirmedAfterMs);
  };

  return {
    expected,
    queued: Promise.race([Promise.all(runs.map(queue)).then(() => undefined), failed.promise]),
    confirmLater(runId) {
      const afterMs = confirmations.get(runId);
      if (afterMs === undefined) return;
      confirmations.delete(runId);
      delay(afterMs, undefined, { signal })
        .then(() => api.confirm(runId, 'Looks right.'))
        .catch((error: unknown) => failed.reject(error));
    },
  };
}
