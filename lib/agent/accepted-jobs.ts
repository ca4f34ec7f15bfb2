/** Job types that the agents of a pool with `phases` accept, as values of `TFC_AGENT_ACCEPT`. */
import type { Phase } from '../../functions/launcher/contract.ts';

/**
 * Job types that no list of runs shows, so the launcher starts no agent for them. These only read and report: policy
 * evaluations, drift assessments, queries, and the steps of a Stack before it changes anything.
 *
 * Names: the flag `-accept` at https://developer.hashicorp.com/terraform/cloud-docs/agents/agents. According to its changelog,
 * tfc-agent accepts `query` by default since 1.25.0, although the flag's documentation omits it. What each type does is unverified.
 */
const READING = [
  'policy',
  'assessment',
  'query',
  'source_bundle',
  'stack_prepare',
  'stack_plan',
  'stack_aggregate_outputs',
];

/**
 * Job types that change infrastructure: a Stack's apply, and a module's tests. Tests create what they test, and an
 * interruption would leave it behind. So an agent with a plan's role, or on Spot, never accepts them.
 */
const WRITING = ['stack_apply', 'test'];

/** Which tasks accept the jobs that no list shows. */
export const UNLISTED_JOBS = ['plan', 'apply', 'none'] as const;
export type UnlistedJobs = (typeof UNLISTED_JOBS)[number];

/** @param unlisted `plan`: tasks for plans accept those that read, tasks for applies those that write. */
export function acceptedJobs(phase: Phase, unlisted: UnlistedJobs): string {
  const also = {
    plan: unlisted === 'plan' ? READING : [],
    apply: unlisted === 'none' ? [] : unlisted === 'apply' ? [...READING, ...WRITING] : WRITING,
  };
  return [phase, ...also[phase]].join(',');
}

/** Whether an agent with these variables evaluates policy sets, which `tfc-agent` does by default. */
export function acceptsPolicies({ TFC_AGENT_ACCEPT: accepted }: Readonly<Record<string, string>>): boolean {
  return accepted === undefined || accepted.split(',').some((kind) => kind.trim() === 'policy');
}
