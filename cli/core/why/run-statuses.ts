/** What a run's status says about who has to act next. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#run-states */
import type { Phase } from '../../../functions/launcher/contract.ts';

/**
 * Who or what a run waits for.
 *
 * - `agent`: a queued job that an agent must take. `running`: an agent executes a job.
 * - `platform`: HCP Terraform moves the run on. `policies` and `run-tasks`: checks decide. `person`: somebody must decide.
 * - `earlier`: the run isn't allowed to start yet. `final`: the run has ended.
 */
export type WaitsFor = 'agent' | 'running' | 'platform' | 'policies' | 'run-tasks' | 'person' | 'earlier' | 'final';

export interface StatusMeaning {
  readonly waitsFor: WaitsFor;
  /** Phase of the job; only for `agent` and `running`. */
  readonly phase?: Phase;
}

const person: StatusMeaning = { waitsFor: 'person' };
const platform: StatusMeaning = { waitsFor: 'platform' };
const final: StatusMeaning = { waitsFor: 'final' };
const runTasks: StatusMeaning = { waitsFor: 'run-tasks' };

/** The statuses. The launcher's table in `core/demand.ts` has the same ones; a test compares the two. */
export const RUN_STATUSES: Readonly<Record<string, StatusMeaning>> = {
  pending: { waitsFor: 'earlier' },
  fetching: platform,
  fetching_completed: platform,
  pre_plan_running: runTasks,
  pre_plan_completed: platform,
  pre_plan_awaiting_decision: person,
  queuing: platform,
  plan_queued: { waitsFor: 'agent', phase: 'plan' },
  planning: { waitsFor: 'running', phase: 'plan' },
  planned: person,
  tf_policy_checked: platform,
  tf_policy_override: person,
  post_plan_running: { waitsFor: 'policies' },
  post_plan_completed: person,
  post_plan_awaiting_decision: person,
  cost_estimating: platform,
  cost_estimated: person,
  policy_checking: { waitsFor: 'policies' },
  policy_override: person,
  policy_soft_failed: final,
  policy_checked: person,
  confirmed: platform,
  pre_apply_running: runTasks,
  pre_apply_completed: platform,
  queuing_apply: platform,
  apply_queued: { waitsFor: 'agent', phase: 'apply' },
  applying: { waitsFor: 'running', phase: 'apply' },
  post_apply_running: runTasks,
  post_apply_completed: platform,
  assessing: platform,
  assessed: final,
  applied: final,
  planned_and_finished: final,
  planned_and_saved: person,
  errored: final,
  canceled: final,
  discarded: final,
  force_canceled: final,
};

/** A failed policy or run task keeps the run in these statuses until a person overrides it. */
export const OVERRIDES: ReadonlySet<string> = new Set([
  'policy_override',
  'tf_policy_override',
  'post_plan_awaiting_decision',
]);

/** What a run in this status does: the predicate of a sentence about it, with the status. */
export function statusInWords({
  status,
  isAutoApply,
}: {
  readonly status: string;
  readonly isAutoApply: boolean;
}): string {
  const meaning = meaningOfStatus(status);
  if (meaning === undefined) return `is in ${status}`;
  const { waitsFor, phase = 'job' } = meaning;
  const words: Readonly<Record<WaitsFor, string>> = {
    agent: `waits for an agent for its ${phase}`,
    running: `executes its ${phase}`,
    platform: 'HCP Terraform is moving on',
    policies: 'waits for the result of its policies',
    'run-tasks': 'waits for its run tasks',
    person: OVERRIDES.has(status)
      ? 'waits until somebody overrides a failed check'
      : status === 'planned_and_saved'
        ? 'waits until somebody applies its saved plan'
        : status === 'pre_plan_awaiting_decision'
          ? 'waits until somebody decides about a failed check'
          : isAutoApply
            ? 'HCP Terraform is about to confirm'
            : 'waits for its confirmation',
    earlier: 'waits for an earlier run',
    final: 'has ended',
  };
  return `${words[waitsFor]} (${status})`;
}

/** `undefined` if this version doesn't know the status. */
export function meaningOfStatus(status: string): StatusMeaning | undefined {
  return Object.hasOwn(RUN_STATUSES, status) ? RUN_STATUSES[status] : undefined;
}
