/** The words for runs that wait in a pool that this launcher doesn't serve. `status`, `doctor` and `why` use the same rule. */
import { duration } from './durations.ts';
import { capital } from './sentences.ts';

export interface WaitingRun {
  readonly id: string;
  readonly workspace: string;
  /** Milliseconds since the epoch. */
  readonly queuedAtMs: number;
}

/** A pool of the organization that isn't one of the launcher's, and has no agents. */
export interface OtherPool {
  readonly name: string;
  readonly waiting: readonly WaitingRun[];
}

/**
 * Another launcher starts an agent within a minute or two. Before this time, the run may continue on its own, which is a note. After it, nobody serves
 * the pool, which is a problem.
 */
export const SERVED_WITHIN_MS = 3 * 60_000;

export const UNSERVED_WHY = 'Unless another launcher or an agent serves this pool, its runs wait forever.';

export interface UnservedText {
  readonly what: string;
  readonly isLong: boolean;
  readonly todo: readonly string[];
}

/** Runs that a text lists. */
const SHOWN = 3;

export function unservedText({ name, waiting }: OtherPool, nowMs: number): UnservedText {
  const oldestFirst = [...waiting].sort((one, other) => one.queuedAtMs - other.queuedAtMs);
  const runs = oldestFirst
    .slice(0, SHOWN)
    .map((run) => `${run.id} of workspace ${run.workspace} (${duration(nowMs - run.queuedAtMs)})`);
  const more = waiting.length > SHOWN ? [`${waiting.length - SHOWN} more`] : [];
  const isLong = oldestFirst.some(({ queuedAtMs }) => isUnserved(queuedAtMs, nowMs));
  return {
    what: `${capital(waiting.length === 1 ? 'one run waits' : `${waiting.length} runs wait`)} in the pool ${name}, which has no agents and isn’t a pool of this launcher: ${[...runs, ...more].join(', ')}.`,
    isLong,
    todo: isLong
      ? serveSteps(name)
      : ['If another launcher serves the pool, its agent comes within three minutes.', ...serveSteps(name)],
  };
}

/** Whether nobody has started an agent for so long that nobody serves the pool. */
export function isUnserved(queuedAtMs: number, nowMs: number): boolean {
  return nowMs - queuedAtMs >= SERVED_WITHIN_MS;
}

/** What to do so that the pool's runs get agents. @param served pools of this launcher */
export function serveSteps(pool: string, served: readonly string[] = []): string[] {
  const one = served.length === 0 ? 'a pool of this launcher' : `a pool of this launcher (${served.join(', ')})`;
  return [
    `If this launcher should serve the pool, run \`agent-launcher setup --pool ${pool}\`, which adds it to the settings, and deploy.`,
    `Or choose ${one} for the workspace in HCP Terraform: Settings > General > Execution Mode.`,
  ];
}
