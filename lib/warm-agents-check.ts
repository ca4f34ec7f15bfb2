import { mostWarmAgents } from '../functions/launcher/warm-limit.ts';
import type { AgentLauncherProps } from './agent-launcher.ts';
import type { AgentPoolOptions } from './agent-pool.ts';
import { DEFAULT_MAX_AGENTS } from './defaults.ts';

/** The function's parser rejects the same, with the same rule; here it fails before anything is deployed. */
export function checkWarmAgents({
  pools,
  organization,
  agentsCeiling,
}: Pick<AgentLauncherProps, 'pools' | 'organization' | 'agentsCeiling'>): void {
  const sum = (its: readonly AgentPoolOptions[], of: (pool: AgentPoolOptions) => number): number =>
    its.reduce((total, pool) => total + of(pool), 0);
  const lanesOf = ({ phases }: AgentPoolOptions): number => (phases === undefined ? 1 : 2);
  const warmOf = ({ warmAgents }: AgentPoolOptions): number => warmAgents?.agents ?? 0;
  for (const pool of pools) {
    const { name, maxAgents = DEFAULT_MAX_AGENTS } = pool;
    const most = mostWarmAgents(maxAgents, lanesOf(pool));
    if (warmOf(pool) > most) {
      throw new Error(
        `Agent pool ${name} has ${warmOf(pool)} warm agents and maxAgents ${maxAgents}: at most ${most} leave a slot for every job; lower warmAgents.agents or raise maxAgents.`,
      );
    }
  }
  if (agentsCeiling === undefined) return;
  for (const [owner, its] of Map.groupBy(pools, (pool) => pool.organization ?? organization)) {
    const most = mostWarmAgents(agentsCeiling, sum(its, lanesOf));
    if (sum(its, warmOf) > most) {
      throw new Error(
        `The pools of organization ${owner} have ${sum(its, warmOf)} warm agents and agentsCeiling ${agentsCeiling}: at most ${most} leave an agent for every job; lower warmAgents.agents.`,
      );
    }
  }
}
