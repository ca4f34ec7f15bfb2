/** Explains why a run waits: the first cause in the table that matches, and the facts behind it. */
import { allowingText, refusedDomains } from '../refused-domains.ts';
import { listed } from '../sentences.ts';
import type { Finding, State } from './cause.ts';
import { DECISION_CAUSES } from './causes-of-decisions.ts';
import { LAUNCHER_CAUSES, UNSEEN_CAUSES } from './causes-of-launcher.ts';
import { RUN_CAUSES } from './causes-of-runs.ts';
import { ENDED_TASK_CAUSES, FAILED_TASK_CAUSES, LIVE_TASK_CAUSES } from './causes-of-tasks.ts';
import type { At, Evidence } from './evidence.ts';
import { type Fact, factsOf } from './facts.ts';
import { situationOf } from './situation.ts';

export interface Explanation {
  readonly runId: string;
  /** Id of the cause, for scripts: `docs/why.md` lists them. */
  readonly cause: string;
  readonly state: State;
  readonly verdict: string;
  /** What is known, grouped by where it is from. */
  readonly facts: readonly Fact[];
  /** The last lines of the agent's log, oldest first. */
  readonly agentLog: readonly At<string>[];
  readonly todo: readonly string[];
}

/** What HCP Terraform says comes first, then what happens in ECS, then the launcher's state, and last what it decided. */
const CAUSES = [
  ...RUN_CAUSES,
  ...LIVE_TASK_CAUSES,
  ...LAUNCHER_CAUSES,
  ...FAILED_TASK_CAUSES,
  ...DECISION_CAUSES,
  ...ENDED_TASK_CAUSES,
  ...UNSEEN_CAUSES,
];

/** Ids of all causes, each once. */
export const CAUSE_IDS: readonly string[] = [...new Set(CAUSES.map(({ id }) => id))];

/** Domains that a remedy names. */
const MOST_DOMAINS = 3;

/** Lines of the agent's log that fit on the screen. */
const LOG_LINES = 3;

export function explain(evidence: Evidence): Explanation {
  const situation = situationOf(evidence);
  let found: { readonly id: string; readonly finding: Finding } | undefined;
  for (const { id, find } of CAUSES) {
    const finding = find(situation);
    if (finding === undefined) continue;
    found = { id, finding };
    break;
  }
  if (found === undefined) throw new Error('The last cause in the table matches every situation');
  const { state, verdict, todo } = found.finding;
  const { agentLog } = evidence;
  return {
    runId: evidence.runId,
    cause: found.id,
    state,
    verdict,
    facts: factsOf(situation),
    agentLog: agentLog !== undefined && agentLog.taskId === situation.taskId ? agentLog.lines.slice(-LOG_LINES) : [],
    todo: [...todo, ...allowing(evidence, found)],
  };
}

/** How to allow the domains that the task was refused, unless its phase went well or nothing shows that it ran. */
function allowing(
  { refusals }: Evidence,
  { id, finding: { state } }: { readonly id: string; readonly finding: Finding },
): string[] {
  const mayFail = state === 'running' || state === 'blocked' || (state === 'done' && id !== 'finished');
  if (!mayFail || refusals === undefined) return [];
  const domains = refusedDomains(refusals);
  if (domains.length === 0) return [];
  return [`If the job needs ${listed(domains, MOST_DOMAINS)}, ${allowingText('the domain', refusals)}`];
}
