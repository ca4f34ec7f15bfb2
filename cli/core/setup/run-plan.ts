/**
 * Runs the steps in order. If one fails, or the user interrupts, the steps are undone in reverse order.
 *
 * A step that fails may have happened all the same, because its answer got lost. So the failed step is undone, too: its `undo` looks
 * first, and removes only what certainly is this run's.
 */
import type { Step } from './plan.ts';

/** Does and undoes steps. */
export interface Hands {
  /** Rejects if the step failed, or if it isn't known whether it happened. */
  perform(step: Step): Promise<void>;
  /** Resolves if nothing of the step is left. Rejects if something is left, or may be. */
  undo(step: Step): Promise<void>;
}

export type Outcome =
  | { readonly done: true }
  | {
      readonly done: false;
      /** The step that failed; `undefined` if the user interrupted between two steps. */
      readonly failed: Step | undefined;
      readonly error: unknown;
      readonly undone: readonly Step[];
      /** What could not be undone, and why. */
      readonly left: readonly { readonly step: Step; readonly error: unknown }[];
    };

/** Called before each step, and before each undo. */
export type Progress = (event: { readonly doing: 'perform' | 'undo'; readonly step: Step }) => void;

export async function runPlan(
  steps: readonly Step[],
  hands: Hands,
  interrupted: AbortSignal,
  progress: Progress,
): Promise<Outcome> {
  const begun: Step[] = [];
  let failed: Step | undefined;
  let error: unknown;
  for (const step of steps) {
    if (interrupted.aborted) break;
    progress({ doing: 'perform', step });
    begun.push(step);
    try {
      await hands.perform(step);
    } catch (caught) {
      failed = step;
      error = caught;
      break;
    }
  }
  // The last step is done: an interrupt after it changes nothing.
  if (failed === undefined && begun.length === steps.length) return { done: true };
  const undone: Step[] = [];
  const left: { step: Step; error: unknown }[] = [];
  for (const step of begun.toReversed()) {
    progress({ doing: 'undo', step });
    try {
      await hands.undo(step);
      undone.push(step);
    } catch (caught) {
      left.push({ step, error: caught });
    }
  }
  // HCP Terraform deletes the tokens of a pool with the pool.
  const poolIsGone = undone.some(({ kind }) => kind === 'create-pool');
  return {
    done: false,
    failed,
    error: error ?? interrupted.reason,
    undone,
    left: poolIsGone ? left.filter(({ step }) => step.kind !== 'create-agent-token') : left,
  };
}
