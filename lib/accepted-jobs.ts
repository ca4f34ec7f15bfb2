/** What the agents of a pool that is shared out by phase accept, in the words of `TFC_AGENT_ACCEPT`. */
import type { Phase } from '../functions/launcher/contract.ts';

/**
 * Job kinds that no list of runs shows, so that nobody launches for one. They read and report: evaluations of policies,
 * drift assessments, queries, and what a stack does before anything is changed.
 * Names: https://developer.hashicorp.com/terraform/cloud-docs/agents/agents, the flag `-accept`; `query` is a default
 * since tfc-agent 1.25.0 by its changelog, while the flag's text leaves it out. What each kind does is unverified.
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
 * The ones that change infrastructure: a stack's apply, and the tests of a module, which create what they test and must
 * not be interrupted before they have destroyed it. Never for an agent with a plan's role, nor on Spot.
 */
const WRITING = ['stack_apply', 'test'];

/** Who accepts the jobs that no list shows. */
export const UNLISTED_JOBS = ['plan', 'apply', 'none'] as const;
export type UnlistedJobs = (typeof UNLISTED_JOBS)[number];

/** @param unlisted `plan`: those that read go to the tasks of plans, those that write to the tasks of applies. */
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
