/** Decides when a paused launcher has drained. */
import { LAST_INVOCATION_MS } from './switches.ts';

export interface RemainingTask {
  readonly id: string;
  /** Pool of the task; `undefined` if the task belongs to none of the pools that are configured now. */
  readonly pool: string | undefined;
  /** ECS's status. */
  readonly lastStatus: string;
  readonly createdAtMs: number | undefined;
  /** The job that the task was launched for; its agent may run another one. */
  readonly launchedFor: string | undefined;
}

export type DrainStep =
  | { readonly kind: 'drained' }
  | { readonly kind: 'deadline' }
  /** No task is left, but an invocation that began before the pause may still launch some. */
  | { readonly kind: 'settling'; readonly untilMs: number }
  | { readonly kind: 'running'; readonly tasks: readonly RemainingTask[] };

export interface DrainInput {
  readonly nowMs: number;
  /** When the launcher was paused. */
  readonly pausedAtMs: number;
  readonly deadlineMs: number;
  readonly tasks: readonly RemainingTask[];
}

export function drainStep({ nowMs, pausedAtMs, deadlineMs, tasks }: DrainInput): DrainStep {
  const settledMs = pausedAtMs + LAST_INVOCATION_MS;
  if (tasks.length === 0 && nowMs >= settledMs) return { kind: 'drained' };
  if (nowMs >= deadlineMs) return { kind: 'deadline' };
  return tasks.length === 0 ? { kind: 'settling', untilMs: settledMs } : { kind: 'running', tasks };
}
