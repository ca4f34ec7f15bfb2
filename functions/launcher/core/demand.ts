import type { Demand, Phase, QueuedJob, Run, RunningJob } from './types.ts';

/** What a run's status means to an agent pool. */
type Meaning = 'plan-queued' | 'plan-running' | 'apply-queued' | 'apply-running' | 'platform' | 'person' | 'final';

/**
 * Every run status of the platform.
 * `platform`: HCP Terraform works or waits, no agent has a job. `person`: somebody must decide.
 * Only the two `-queued` rows are demand: `pending` waits for another run of its workspace, not for an agent.
 * Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#run-states and the API's OpenAPI document.
 */
const STATUSES: Readonly<Record<string, Meaning>> = {
  pending: 'platform',
  fetching: 'platform',
  fetching_completed: 'platform',
  pre_plan_running: 'platform',
  pre_plan_completed: 'platform',
  pre_plan_awaiting_decision: 'person',
  queuing: 'platform',
  plan_queued: 'plan-queued',
  planning: 'plan-running',
  planned: 'person',
  tf_policy_checked: 'platform',
  tf_policy_override: 'person',
  post_plan_running: 'platform',
  post_plan_completed: 'person',
  post_plan_awaiting_decision: 'person',
  cost_estimating: 'platform',
  cost_estimated: 'person',
  policy_checking: 'platform',
  policy_override: 'person',
  policy_soft_failed: 'final',
  policy_checked: 'person',
  confirmed: 'platform',
  pre_apply_running: 'platform',
  pre_apply_completed: 'platform',
  queuing_apply: 'platform',
  apply_queued: 'apply-queued',
  applying: 'apply-running',
  post_apply_running: 'platform',
  post_apply_completed: 'platform',
  assessing: 'platform',
  assessed: 'final',
  applied: 'final',
  planned_and_finished: 'final',
  planned_and_saved: 'person',
  errored: 'final',
  canceled: 'final',
  discarded: 'final',
  force_canceled: 'final',
};

/** The statuses worth asking the platform for: queued jobs, and running ones for who runs them. */
export const OBSERVED_STATUSES = ['plan_queued', 'apply_queued', 'planning', 'applying'] as const;

/**
 * Reads the jobs out of one pool's runs.
 * A run listed twice (pages shift while they are read) counts once, as it was seen last.
 */
export function demandOf(runs: readonly Run[]): Demand {
  const latest = new Map(runs.map((run) => [run.id, run]));
  const queued: QueuedJob[] = [];
  const running: RunningJob[] = [];
  const unknownStatuses = new Set<string>();
  for (const run of latest.values()) {
    const meaning = Object.hasOwn(STATUSES, run.status) ? STATUSES[run.status] : undefined;
    if (meaning === undefined) unknownStatuses.add(run.status);
    else if (meaning === 'plan-queued') queued.push(queuedJob(run, 'plan', run.planQueuedAtMs));
    else if (meaning === 'apply-queued') queued.push(queuedJob(run, 'apply', run.applyQueuedAtMs));
    else if (meaning === 'plan-running')
      running.push(runningJob(run, 'plan', run.planAgentName, run.planQueuedAtMs, run.planningAtMs));
    else if (meaning === 'apply-running')
      running.push(runningJob(run, 'apply', run.applyAgentName, run.applyQueuedAtMs, run.applyingAtMs));
  }
  queued.sort((a, b) => a.queuedAtMs - b.queuedAtMs || (a.key < b.key ? -1 : 1));
  return { queued, running, unknownStatuses: [...unknownStatuses].sort() };
}

function queuedJob(run: Run, phase: Phase, queuedAtMs: number | undefined): QueuedJob {
  return {
    key: `${run.id}/${phase}`,
    runId: run.id,
    workspaceId: run.workspaceId,
    phase,
    queuedAtMs: queuedAtMs ?? run.createdAtMs,
  };
}

function runningJob(
  run: Run,
  phase: Phase,
  agentName: string | undefined,
  queuedAtMs: number | undefined,
  startedAtMs: number | undefined,
): RunningJob {
  return {
    key: `${run.id}/${phase}`,
    phase,
    agentName,
    queuedAtMs,
    startedAtMs,
  };
}
