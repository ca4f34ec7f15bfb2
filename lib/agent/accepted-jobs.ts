/** Job types that the agents of a pool with `phases` accept, as values of `TFC_AGENT_ACCEPT`. */
import type { Phase } from '../../functions/launcher/contract.ts';

/**
 * Unlisted jobs that only read and report: policy evaluations, drift assessments, queries, and the steps of a Stack before it
 * changes anything. HCP Terraform's list of runs doesn't include unlisted jobs, so the launcher can't start an agent for them.
 *
 * The names are those of the flag `-accept`: https://developer.hashicorp.com/terraform/cloud-docs/agents/agents. According to its changelog,
 * tfc-agent accepts `query` by default since 1.25.0, although the flag's documentation omits it. What each type does is
 * unverified.
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
 * Unlisted jobs that change infrastructure: a Stack's apply, and a module's tests. Tests create the resources that they test, and
 * an interrupted test would leave them behind. So agents for plans, which may run on Spot, never accept these jobs.
 */
const WRITING = ['stack_apply', 'test'];

/** Which tasks accept unlisted jobs. */
export const UNLISTED_JOBS = ['plan', 'apply', 'none'] as const;
export type UnlistedJobs = (typeof UNLISTED_JOBS)[number];

/** @param unlisted with `plan`, tasks for plans accept the unlisted jobs that read, and tasks for applies those that write */
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
