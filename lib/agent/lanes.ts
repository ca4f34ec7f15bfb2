import { type Capacity, PHASES, type Phase } from '../../functions/launcher/contract.ts';
import { taskFamily } from '../names.ts';
import { acceptedJobs, acceptsPolicies } from './accepted-jobs.ts';
import type { AgentPoolOptions } from './pool-options.ts';

/** The options that determine a pool's lanes. */
export type LaneOptions = Pick<AgentPoolOptions, 'name' | 'phases' | 'policySweeps'>;

/** One lane of a pool, before there are resources for it. */
export interface LanePlan {
  readonly phases: readonly Phase[];
  /** Family of the task definition, without CDK tokens. */
  readonly family: string;
  readonly capacity: Capacity;
  /** Value of `TFC_AGENT_ACCEPT`; `undefined` if the lane's agents accept every job. */
  readonly accepts: string | undefined;
  /** Whether the launcher starts the lane's tasks for runs in a post-plan status. */
  readonly sweepsForRuns: boolean;
}

/** Returns the pool's lanes. Without `phases`, there is one for all jobs. With `phases`, there is one for plans and one for applies. */
export function lanesOf(launcher: string, { name, phases, policySweeps = true }: LaneOptions): LanePlan[] {
  if (phases === undefined) {
    const family = taskFamily(launcher, PHASES, name);
    return [{ phases: PHASES, family, capacity: 'on-demand', accepts: undefined, sweepsForRuns: policySweeps }];
  }
  return PHASES.map((phase) => {
    const accepts = acceptedJobs(phase, phases.unlistedJobs ?? 'plan');
    return {
      phases: [phase],
      family: taskFamily(launcher, [phase], name),
      capacity: (phase === 'plan' && phases.plan?.capacity) || 'on-demand',
      accepts,
      sweepsForRuns: policySweeps && acceptsPolicies({ TFC_AGENT_ACCEPT: accepts }),
    };
  });
}
