/**
 * The life cycle of a run: the order of its statuses, and what each one changes in the run, its plan and its apply. It changes only
 * the given run, without clock, other runs or queue (those are in `queue.ts`).
 * Statuses and their meaning: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#run-states
 */
import type { JobResult } from './agent-protocol.ts';
import { newId } from './ids.ts';

export type RunStatus =
  | 'pending'
  | 'plan_queued'
  | 'planning'
  | 'post_plan_running'
  | 'planned'
  | 'planned_and_finished'
  | 'planned_and_saved'
  | 'confirmed'
  | 'apply_queued'
  | 'applying'
  | 'applied'
  | 'errored'
  | 'canceled'
  | 'force_canceled'
  | 'discarded';

export type OperationStatus =
  | 'created'
  | 'pending'
  | 'queued'
  | 'agent_queued'
  | 'running'
  | 'errored'
  | 'canceled'
  | 'finished'
  | 'unreachable';

export type RunOperation = 'plan_only' | 'save_plan' | 'refresh_only' | 'destroy' | 'empty_apply' | 'plan_and_apply';

/** The agent that took a phase, as in `execution-details`. */
export interface ExecutedBy {
  readonly agentId: string;
  readonly agentName: string;
  readonly agentPoolId: string;
  readonly agentPoolName: string;
}

/** A plan or an apply: one phase of a run, one job for an agent. */
export interface Operation {
  readonly id: string;
  readonly runId: string;
  readonly phase: 'plan' | 'apply';
  status: OperationStatus;
  /** Milliseconds since the epoch by the platform's keys, such as `queued-at` and `started-at`. */
  readonly timestamps: Map<string, number>;
  executedBy: ExecutedBy | undefined;
  result: JobResult | undefined;
  /** Set once, when the phase ends with or without a result. From then on, the log has its end mark. */
  ended: boolean;
  readonly log: Buffer[];
  /** Only for plans: the files for the apply, as a gzipped tar. */
  filesystem: Buffer | undefined;
}

export interface RunEvent {
  readonly id: string;
  readonly action: string;
  readonly at: number;
  readonly actorId: string | undefined;
  readonly description: string | undefined;
}

export interface RunComment {
  readonly id: string;
  readonly body: string;
}

export interface Run {
  readonly id: string;
  /** Creation order, also for two runs in the same millisecond. */
  readonly sequence: number;
  readonly organization: string;
  readonly workspaceId: string;
  readonly configurationVersionId: string;
  readonly createdAt: number;
  readonly createdById: string;
  readonly message: string;
  readonly source: string;
  readonly triggerReason: string;
  readonly terraformVersion: string;
  readonly autoApply: boolean;
  readonly isDestroy: boolean;
  readonly refresh: boolean;
  readonly refreshOnly: boolean;
  readonly planOnly: boolean;
  readonly savePlan: boolean;
  readonly allowEmptyApply: boolean;
  readonly allowConfigGeneration: boolean;
  readonly debuggingMode: boolean;
  readonly targetAddrs: readonly string[] | undefined;
  readonly replaceAddrs: readonly string[] | undefined;
  readonly variables: readonly { readonly key: string; readonly value: string }[];
  status: RunStatus;
  readonly timestamps: Map<string, number>;
  updatedAt: number;
  confirmedById: string | undefined;
  canceledById: string | undefined;
  /** Time of the first cancel request. The run may still be stopping. */
  canceledAt: number | undefined;
  forceCancelAvailableAt: number | undefined;
  cancelRequest: 'cancel' | 'force-cancel' | undefined;
  readonly events: RunEvent[];
  readonly comments: RunComment[];
  readonly plan: Operation;
  readonly apply: Operation;
}

const FINAL: ReadonlySet<RunStatus> = new Set([
  'planned_and_finished',
  'applied',
  'errored',
  'canceled',
  'force_canceled',
  'discarded',
]);

const DISCARDABLE: ReadonlySet<RunStatus> = new Set(['planned', 'planned_and_saved']);

export function isFinal(run: Run): boolean {
  return FINAL.has(run.status);
}

export function isDiscardable(run: Run): boolean {
  return DISCARDABLE.has(run.status);
}

export function isConfirmable(run: Run): boolean {
  return run.status === 'planned' || run.status === 'planned_and_saved';
}

/** Whether a cancel has an effect: queued runs end at once, active ones get an instruction to stop. */
export function isCancelable(run: Run): boolean {
  return !isFinal(run) && !isConfirmable(run) && run.cancelRequest === undefined;
}

/** A forced cancel is possible only after an ordinary one and the cool-off period. */
export function isForceCancelable(run: Run, now: number): boolean {
  return !isFinal(run) && run.cancelRequest === 'cancel' && now >= (run.forceCancelAvailableAt ?? now);
}

/** The run's value for `filter[operation]`. */
export function operationOf(run: Run): RunOperation {
  if (run.planOnly) return 'plan_only';
  if (run.savePlan) return 'save_plan';
  if (run.refreshOnly) return 'refresh_only';
  if (run.isDestroy) return 'destroy';
  if (run.allowEmptyApply) return 'empty_apply';
  return 'plan_and_apply';
}

/** Speculative plans and saved-plan runs never wait for other runs of the workspace. */
export function skipsWorkspaceQueue(run: Run): boolean {
  return run.planOnly || (run.savePlan && !run.timestamps.has('confirmed-at'));
}

/** The phase that has, or waits for, an agent. */
export function currentOperation(run: Run): Operation | undefined {
  if (run.status === 'plan_queued' || run.status === 'planning') return run.plan;
  if (run.status === 'apply_queued' || run.status === 'applying') return run.apply;
  return undefined;
}

export function newOperation(runId: string, phase: 'plan' | 'apply'): Operation {
  return {
    id: newId(phase),
    runId,
    phase,
    status: 'pending',
    timestamps: new Map(),
    executedBy: undefined,
    result: undefined,
    ended: false,
    log: [],
    filesystem: undefined,
  };
}

function enter(run: Run, status: RunStatus, now: number): void {
  run.status = status;
  run.updatedAt = now;
  run.timestamps.set(`${status.replaceAll('_', '-')}-at`, now);
}

/** A simulation moves the run into a status, which may be one that this platform never enters on its own. */
export function pass(run: Run, status: string, now: number): void {
  enter(run, status as RunStatus, now);
}

function record(run: Run, action: string, now: number, actorId?: string, description?: string): void {
  run.events.push({ id: newId('re'), action, at: now, actorId, description });
}

function endOperation(operation: Operation, status: OperationStatus, now: number): void {
  operation.status = status;
  operation.ended = true;
  operation.timestamps.set(`${status}-at`, now);
}

/** pending → plan_queued: an agent may take the plan from now on. */
export function queuePlan(run: Run, now: number): void {
  enter(run, 'plan_queued', now);
  run.plan.status = 'queued';
  run.plan.timestamps.set('queued-at', now);
  record(run, 'plan_queued', now);
}

/** An agent took the job. */
export function startOperation(run: Run, operation: Operation, by: ExecutedBy, now: number): void {
  enter(run, operation.phase === 'plan' ? 'planning' : 'applying', now);
  operation.status = 'running';
  operation.executedBy = by;
  operation.timestamps.set('started-at', now);
  record(run, operation.phase === 'plan' ? 'planning' : 'applying', now);
}

/**
 * The agent's plan ended; decides whether a human, an apply or nothing follows.
 *
 * @param evaluatesPolicies an agent of the pool evaluates policy sets first. HashiCorp doesn't document the run's status
 *   in the meantime; `post_plan_running` follows from hcp-terraform-operator #610.
 */
export function finishPlan(run: Run, result: JobResult, now: number, evaluatesPolicies = false): void {
  run.plan.result = result;
  // A canceled run ends as canceled, also if the plan finished before it received the cancel.
  const status = run.cancelRequest !== undefined ? 'canceled' : result.status;
  endOperation(run.plan, status, now);
  if (status !== 'finished') {
    enter(run, status, now);
    record(run, status, now);
    return;
  }
  run.timestamps.set('planned-at', now);
  record(run, 'planned', now);
  if (evaluatesPolicies) enter(run, 'post_plan_running', now);
  else decideAfterPlan(run, result, now);
}

/** An agent evaluated the policy sets. The run continues as the plan decides, or ends if they failed. */
export function finishPolicies(run: Run, passed: boolean, now: number): void {
  if (run.status !== 'post_plan_running' || run.plan.result === undefined) return;
  if (passed) {
    run.timestamps.set('post-plan-completed-at', now);
    decideAfterPlan(run, run.plan.result, now);
    return;
  }
  enter(run, 'errored', now);
  record(run, 'errored', now);
}

function decideAfterPlan(run: Run, result: JobResult, now: number): void {
  if (run.planOnly || (!(result.hasChanges ?? false) && !run.allowEmptyApply)) {
    enter(run, 'planned_and_finished', now);
  } else if (run.savePlan) {
    enter(run, 'planned_and_saved', now);
  } else {
    enter(run, 'planned', now);
    if (run.autoApply) confirm(run, undefined, now);
  }
}

/** planned → confirmed. The queue then moves it to apply_queued. */
export function confirm(run: Run, userId: string | undefined, now: number): void {
  enter(run, 'confirmed', now);
  run.confirmedById = userId;
  record(run, 'confirmed', now, userId);
}

/** confirmed → apply_queued. */
export function queueApply(run: Run, now: number): void {
  run.timestamps.set('queuing-apply-at', now);
  enter(run, 'apply_queued', now);
  run.apply.status = 'agent_queued';
  run.apply.timestamps.set('agent-queued-at', now);
  record(run, 'apply_queued', now);
}

/** The agent's apply ended. Its changes remain, even if a cancel was on its way. */
export function finishApply(run: Run, result: JobResult, now: number): void {
  run.apply.result = result;
  const ending = run.cancelRequest !== undefined && result.status === 'errored' ? 'canceled' : result.status;
  endOperation(run.apply, ending, now);
  const status = ending === 'finished' ? 'applied' : ending;
  enter(run, status, now);
  record(run, status, now);
}

/** The phase can't continue: its agent is lost, or the workspace no longer runs on agents. */
export function failOperation(run: Run, operation: Operation, reason: string, now: number): void {
  operation.log.push(Buffer.from(`\n${reason}\n`));
  endOperation(operation, 'errored', now);
  enter(run, 'errored', now);
  record(run, 'errored', now, undefined, reason);
}

/** Queued and waiting runs end at once. The agent of an active run gets an instruction to stop. */
export function cancel(run: Run, userId: string, now: number, coolOffMs: number): void {
  run.canceledAt = now;
  run.canceledById = userId;
  record(run, 'canceled', now, userId);
  if (run.status === 'planning' || run.status === 'applying') {
    run.cancelRequest = 'cancel';
    run.forceCancelAvailableAt = now + coolOffMs;
    run.updatedAt = now;
    return;
  }
  const operation = currentOperation(run);
  if (operation !== undefined) endOperation(operation, 'canceled', now);
  else if (run.status === 'pending') endOperation(run.plan, 'canceled', now);
  enter(run, 'canceled', now);
}

/** Ends an active run without waiting for its agent, which gets an instruction to kill its programs. */
export function forceCancel(run: Run, userId: string, now: number): void {
  run.cancelRequest = 'force-cancel';
  run.canceledById = userId;
  const operation = currentOperation(run);
  if (operation !== undefined) endOperation(operation, 'canceled', now);
  enter(run, 'force_canceled', now);
  record(run, 'force_canceled', now, userId);
}

export function discard(run: Run, userId: string | undefined, now: number): void {
  if (run.status === 'pending') endOperation(run.plan, 'canceled', now);
  enter(run, 'discarded', now);
  record(run, 'discarded', now, userId);
}
