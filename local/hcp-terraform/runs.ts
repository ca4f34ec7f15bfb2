/**
 * The life cycle of a run.
 *
 * A run is pending until the queue of its workspace lets it plan. An agent takes the plan, and the result determines what follows:
 * nothing, a user's decision, or the apply, which an agent takes in the same way. Each function here is one of these steps. It changes
 * only the given run with its plan and apply. The clock and other runs are handled in `queue.ts`.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#run-states
 */
import * as z from 'zod';
import type { JobResult } from './agent-protocol.ts';
import { newId } from './ids.ts';
import type { StageName } from './task-records.ts';

export type RunStatus =
  | 'pending'
  | 'pre_plan_running'
  | 'plan_queued'
  | 'planning'
  | 'post_plan_running'
  | 'planned'
  | 'planned_and_finished'
  | 'planned_and_saved'
  | 'confirmed'
  | 'pre_apply_running'
  | 'apply_queued'
  | 'applying'
  | 'post_apply_running'
  | 'applied'
  | 'errored'
  | 'canceled'
  | 'force_canceled'
  | 'discarded';

export type OperationStatus = 'pending' | 'queued' | 'agent_queued' | 'running' | 'errored' | 'canceled' | 'finished';

/** The agent that took a phase, as `execution-details` shows it. */
export interface ExecutedBy {
  readonly agentId: string;
  readonly agentName: string;
  readonly agentPoolId: string;
  readonly agentPoolName: string;
}

/** A plan or an apply. It is a phase of a run, and a job for an agent. */
export interface Operation {
  readonly id: string;
  readonly runId: string;
  readonly phase: 'plan' | 'apply';
  status: OperationStatus;
  /** Timestamps in milliseconds, with the platform's keys such as `queued-at` and `started-at`. */
  readonly timestamps: Map<string, number>;
  executedBy?: ExecutedBy | undefined;
  result?: JobResult | undefined;
  /** Set when the phase ends, with or without a result. From then on, the log has its end marker. */
  ended: boolean;
  readonly log: Buffer[];
  /** Only for plans: the files for the apply as a gzipped tar. */
  filesystem?: Buffer | undefined;
}

export interface RunEvent {
  readonly id: string;
  readonly action: string;
  readonly at: number;
  readonly actorId?: string | undefined;
  readonly description?: string | undefined;
}

const flag = z.boolean().default(false);

/** The settings of a run that API responses show. */
export const runSettings = z.object({
  message: z.string().default('Queued manually via the Terraform Enterprise API'),
  autoApply: z.boolean(),
  isDestroy: flag,
  refresh: z.boolean().default(true),
  refreshOnly: flag,
  planOnly: z.boolean(),
  savePlan: flag,
  allowEmptyApply: flag,
  allowConfigGeneration: flag,
  debuggingMode: flag,
  terraformVersion: z.string(),
  targetAddrs: z.array(z.string()).nullable().default(null),
  replaceAddrs: z.array(z.string()).nullable().default(null),
  variables: z.array(z.object({ key: z.string(), value: z.string() })).default([]),
});

/** The settings in a request. For absent settings, those of the workspace or the configuration version apply. */
export const runRequest = runSettings.partial({ autoApply: true, planOnly: true, terraformVersion: true });
export type RunRequest = z.infer<typeof runRequest>;

export interface Run extends Readonly<z.infer<typeof runSettings>> {
  readonly id: string;
  /** Creation order, which is unique even for runs in the same millisecond. */
  readonly sequence: number;
  readonly organization: string;
  readonly workspaceId: string;
  readonly configurationVersionId: string;
  readonly createdAt: number;
  readonly createdById: string;
  readonly source: string;
  status: RunStatus;
  readonly timestamps: Map<string, number>;
  updatedAt: number;
  confirmedById?: string | undefined;
  canceledById?: string | undefined;
  /** Time of the first cancel request. The run may still be stopping. */
  canceledAt?: number | undefined;
  forceCancelAvailableAt?: number | undefined;
  cancelRequest?: 'cancel' | 'force-cancel' | undefined;
  readonly events: RunEvent[];
  readonly comments: { readonly id: string; readonly body: string }[];
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

export function isFinal(run: Run): boolean {
  return FINAL.has(run.status);
}

/** Whether the run waits until a user applies or discards its plan. */
export function awaitsDecision(run: Run): boolean {
  return run.status === 'planned' || run.status === 'planned_and_saved';
}

/** Returns whether the run can be canceled. A queued run ends immediately. An active run ends when its agent has stopped it. */
export function isCancelable(run: Run): boolean {
  return !isFinal(run) && !awaitsDecision(run) && run.cancelRequest === undefined;
}

/** Whether a forced cancel is possible: only after a normal cancel and the cool-off period. */
export function isForceCancelable(run: Run, now: number): boolean {
  return !isFinal(run) && run.cancelRequest === 'cancel' && now >= (run.forceCancelAvailableAt ?? now);
}

/** The run's value for the query parameter `filter[operation]`. */
export function operationOf(run: Run): string {
  if (run.planOnly) return 'plan_only';
  if (run.savePlan) return 'save_plan';
  if (run.refreshOnly) return 'refresh_only';
  if (run.isDestroy) return 'destroy';
  return run.allowEmptyApply ? 'empty_apply' : 'plan_and_apply';
}

/** Speculative plans and saved-plan runs never wait for other runs of the workspace. */
export function skipsWorkspaceQueue(run: Run): boolean {
  return run.planOnly || (run.savePlan && !run.timestamps.has('confirmed-at'));
}

/** The phase that has an agent or waits for one. */
export function currentOperation(run: Run): Operation | undefined {
  if (run.status === 'plan_queued' || run.status === 'planning') return run.plan;
  if (run.status === 'apply_queued' || run.status === 'applying') return run.apply;
  return undefined;
}

export function newOperation(runId: string, phase: Operation['phase']): Operation {
  return {
    id: newId(phase),
    runId,
    phase,
    status: 'pending',
    timestamps: new Map(),
    ended: false,
    log: [],
  };
}

function enter(run: Run, status: RunStatus, now: number): void {
  run.status = status;
  run.updatedAt = now;
  run.timestamps.set(`${status.replaceAll('_', '-')}-at`, now);
}

/** Moves the run into any status. Only a simulation uses this, also for statuses that this platform never enters on its own. */
export function pass(run: Run, status: string, now: number): void {
  enter(run, status as RunStatus, now);
}

export function record(run: Run, action: string, now: number, actorId?: string, description?: string): void {
  run.events.push({ id: newId('re'), action, at: now, actorId, description });
}

/** Enters the status, and records an event with its name. */
function move(run: Run, status: RunStatus, now: number, actorId?: string, description?: string): void {
  enter(run, status, now);
  record(run, status, now, actorId, description);
}

function setStatus(operation: Operation, status: OperationStatus, now: number): void {
  operation.status = status;
  operation.timestamps.set(`${status.replaceAll('_', '-')}-at`, now);
}

function endOperation(operation: Operation, status: OperationStatus, now: number): void {
  setStatus(operation, status, now);
  operation.ended = true;
}

/** The run waits for the run tasks of a stage. */
export function enterStage(run: Run, stage: StageName, now: number): void {
  move(run, `${stage}_running`, now);
}

/** A mandatory task of a stage failed, so the run ends. */
export function failStage(run: Run, stage: StageName, now: number): void {
  if (stage === 'pre_plan') endOperation(run.plan, 'canceled', now);
  if (stage === 'pre_apply') endOperation(run.apply, 'canceled', now);
  move(run, 'errored', now, undefined, `A mandatory run task of the stage ${stage} did not pass.`);
}

/** pending → plan_queued: from now on, an agent can take the plan. */
export function queuePlan(run: Run, now: number): void {
  setStatus(run.plan, 'queued', now);
  move(run, 'plan_queued', now);
}

/** An agent took the job. */
export function startOperation(run: Run, operation: Operation, by: ExecutedBy, now: number): void {
  operation.status = 'running';
  operation.executedBy = by;
  operation.timestamps.set('started-at', now);
  move(run, operation.phase === 'plan' ? 'planning' : 'applying', now);
}

/**
 * The agent's plan ended.
 *
 * @param waits whether run tasks follow, or an agent of the pool evaluates policy sets. HashiCorp doesn't document the run's status
 *   during the evaluation; according to hcp-terraform-operator #610, it is `post_plan_running`.
 */
export function finishPlan(run: Run, result: JobResult, now: number, waits: boolean): void {
  run.plan.result = result;
  // A canceled run ends as canceled, even if the plan finished before the agent received the cancel.
  const status = run.cancelRequest === undefined ? result.status : 'canceled';
  endOperation(run.plan, status, now);
  if (status !== 'finished') {
    move(run, status, now);
    return;
  }
  run.timestamps.set('planned-at', now);
  record(run, 'planned', now);
  if (waits) enter(run, 'post_plan_running', now);
  else decideAfterPlan(run, result, now);
}

/** Policy sets and run tasks have a result. If they passed, the run continues as after any plan. Otherwise it ends. */
export function finishPolicies(run: Run, passed: boolean, now: number): void {
  if (run.status !== 'post_plan_running' || run.plan.result === undefined) return;
  if (passed) {
    run.timestamps.set('post-plan-completed-at', now);
    decideAfterPlan(run, run.plan.result, now);
  } else {
    move(run, 'errored', now);
  }
}

function decideAfterPlan(run: Run, result: JobResult, now: number): void {
  if (run.planOnly || (result.hasChanges !== true && !run.allowEmptyApply)) {
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
  run.confirmedById = userId;
  move(run, 'confirmed', now, userId);
}

/** confirmed → apply_queued. */
export function queueApply(run: Run, now: number): void {
  run.timestamps.set('queuing-apply-at', now);
  setStatus(run.apply, 'agent_queued', now);
  move(run, 'apply_queued', now);
}

/**
 * The agent's apply ended. If the apply succeeded, a cancel has no effect.
 *
 * @param waits whether run tasks follow
 */
export function finishApply(run: Run, result: JobResult, now: number, waits = false): void {
  run.apply.result = result;
  const status = run.cancelRequest !== undefined && result.status === 'errored' ? 'canceled' : result.status;
  endOperation(run.apply, status, now);
  if (status === 'finished' && waits) return;
  move(run, status === 'finished' ? 'applied' : status, now);
}

/** post_apply_running → applied. */
export function completeApply(run: Run, now: number): void {
  move(run, 'applied', now);
}

/** The phase can't continue, because its agent is lost or the workspace no longer uses agents. */
export function failOperation(run: Run, operation: Operation, reason: string, now: number): void {
  operation.log.push(Buffer.from(`\n${reason}\n`));
  endOperation(operation, 'errored', now);
  move(run, 'errored', now, undefined, reason);
}

/** Cancels a run. Queued and waiting runs end immediately. The agent of an active run is instructed to stop. */
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
  const operation = currentOperation(run) ?? nextOperation(run);
  if (operation !== undefined) endOperation(operation, 'canceled', now);
  enter(run, 'canceled', now);
}

/** The phase that hasn't been queued yet. */
function nextOperation({ status, plan, apply }: Run): Operation | undefined {
  if (status === 'pending' || status === 'pre_plan_running') return plan;
  return status === 'pre_apply_running' ? apply : undefined;
}

/** Ends an active run without waiting for its agent. The agent is instructed to kill its programs. */
export function forceCancel(run: Run, userId: string, now: number): void {
  run.cancelRequest = 'force-cancel';
  run.canceledById = userId;
  const operation = currentOperation(run);
  if (operation !== undefined) endOperation(operation, 'canceled', now);
  move(run, 'force_canceled', now, userId);
}

export function discard(run: Run, userId: string | undefined, now: number): void {
  if (run.status === 'pending') endOperation(run.plan, 'canceled', now);
  move(run, 'discarded', now, userId);
}
