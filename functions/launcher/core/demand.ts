import type { Demand, Phase, QueuedJob, Run, RunningJob, UnlistedJobs, WaitingRun } from './types.ts';

/** What a run's status means for an agent pool. */
type Meaning =
  | 'plan-queued'
  | 'plan-running'
  | 'apply-queued'
  | 'apply-running'
  | 'after-plan'
  | 'platform'
  | 'person'
  | 'final';

/**
 * Every run status of HCP Terraform.
 *
 * - `platform`: the run waits for HCP Terraform or for another run (`pending`), not for an agent. `person`: a person must decide.
 * - `after-plan`: usually HCP Terraform itself executes run tasks or policy checks. But policy sets in agent mode wait for an agent of the pool in
 *   the same statuses. The only hint is how long the run stays in the status.
 * - Only the two `-queued` meanings are demand.
 *
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
  post_plan_running: 'after-plan',
  post_plan_completed: 'person',
  post_plan_awaiting_decision: 'person',
  cost_estimating: 'platform',
  cost_estimated: 'person',
  policy_checking: 'after-plan',
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

/**
 * The statuses in which a run may wait for an agent to evaluate its policy sets. HashiCorp doesn't document the status of
 * such a run; `post_plan_running` follows from hcp-terraform-operator #610 and the model of task stages.
 */
const AFTER_PLAN: readonly string[] = ['post_plan_running', 'policy_checking'];

/** What the listed runs mean whose plan has ended. */
const AFTER_THE_PLAN: readonly Meaning[] = ['after-plan', 'apply-queued', 'apply-running'];

/** The statuses with the meaning `person` that a run passes on its own if it is applied automatically. */
const PASSED_AUTOMATICALLY: readonly string[] = ['planned', 'post_plan_completed', 'cost_estimated', 'policy_checked'];

/** The statuses of queued and running jobs. A run with a running job shows which agent is busy. */
export const JOB_STATUSES: readonly string[] = ['plan_queued', 'apply_queued', 'planning', 'applying'];

/** The statuses of the runs to list: the statuses of jobs, and the post-plan statuses. */
export const OBSERVED_STATUSES: readonly string[] = [...JOB_STATUSES, ...AFTER_PLAN];

/**
 * Whether a run is on its way to a queue: HCP Terraform itself moves it on. `planned` is included, because a run that is applied
 * automatically passes it without a person. An unknown status is not.
 */
export function isOnItsWay(status: string): boolean {
  const meaning = Object.hasOwn(STATUSES, status) ? STATUSES[status] : undefined;
  return meaning === 'platform' || meaning === 'after-plan' || PASSED_AUTOMATICALLY.includes(status);
}

/**
 * The demand of one pool's runs. Pages can shift while they are read, so a run may be listed twice. Its last occurrence counts.
 */
export function demandOf(runs: readonly Run[], unlisted?: readonly UnlistedJobs[]): Demand {
  const latest = new Map(runs.map((run) => [run.id, run]));
  const queued: QueuedJob[] = [];
  const running: RunningJob[] = [];
  const endedPlans: RunningJob[] = [];
  const waiting: WaitingRun[] = [];
  const unknownStatuses = new Set<string>();
  for (const run of latest.values()) {
    const meaning = Object.hasOwn(STATUSES, run.status) ? STATUSES[run.status] : undefined;
    if (meaning === undefined) unknownStatuses.add(run.status);
    else if (meaning === 'plan-queued') queued.push(queuedJob(run, 'plan', run.planQueuedAtMs));
    else if (meaning === 'apply-queued') queued.push(queuedJob(run, 'apply', run.applyQueuedAtMs));
    else if (meaning === 'plan-running') running.push(runningPlan(run));
    else if (meaning === 'apply-running') running.push(runningApply(run));
    else if (meaning === 'after-plan') waiting.push(waitingRun(run));
    if (run.planAgentName !== undefined && meaning !== undefined && AFTER_THE_PLAN.includes(meaning)) {
      endedPlans.push(runningPlan(run));
    }
  }
  queued.sort((a, b) => a.queuedAtMs - b.queuedAtMs || (a.key < b.key ? -1 : 1));
  waiting.sort((a, b) => a.sinceMs - b.sinceMs || (a.runId < b.runId ? -1 : 1));
  return {
    queued,
    ...(unlisted !== undefined && { unlisted }),
    running,
    ...(endedPlans.length > 0 && { endedPlans }),
    waiting,
    unknownStatuses: [...unknownStatuses].sort(),
  };
}

/** The number of queued jobs, including those that weren't read. */
export function queuedCount({ queued, unlisted = [] }: Demand): number {
  return unlisted.reduce((sum, { count }) => sum + count, queued.length);
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

function waitingRun({ id, status, statusSinceMs, createdAtMs }: Run): WaitingRun {
  const stage = AFTER_PLAN.indexOf(status);
  return { runId: id, status, stage, sinceMs: statusSinceMs ?? createdAtMs };
}

function runningPlan({ id, workspaceId, planAgentName, planQueuedAtMs, planningAtMs }: Run): RunningJob {
  return {
    key: `${id}/plan`,
    phase: 'plan',
    workspaceId,
    agentName: planAgentName,
    queuedAtMs: planQueuedAtMs,
    startedAtMs: planningAtMs,
  };
}

function runningApply({ id, workspaceId, applyAgentName, applyQueuedAtMs, applyingAtMs }: Run): RunningJob {
  return {
    key: `${id}/apply`,
    phase: 'apply',
    workspaceId,
    agentName: applyAgentName,
    queuedAtMs: applyQueuedAtMs,
    startedAtMs: applyingAtMs,
  };
}
