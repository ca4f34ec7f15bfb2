/** Reads the runs that wait in agent pools of the organization which aren't the launcher's. */

import type { Finding } from '../core/doctor/findings.ts';
import type { TargetPool } from '../core/doctor/target.ts';
import { checkUnserved, type OtherPools } from '../core/doctor/unserved.ts';
import { agentPoolsOf, type Pool } from '../hcp-terraform/agent-pools.ts';
import { type HcpTerraform, unlessHidden } from '../hcp-terraform/client.ts';
import { newestQueuedRuns, poolOfWorkspace, type WorkspacePool } from '../hcp-terraform/pools.ts';
import type { TargetCheckup } from './doctor.ts';
import { observe } from './observe.ts';

/** Maximum number of pools in one request, so that its URL stays short. */
const MOST_POOLS = 50;
/** Maximum number of workspaces that are looked up. Each takes one request. */
const MOST_WORKSPACES = 10;

export async function unservedFindings({ context, target, tokens }: TargetCheckup): Promise<Finding[]> {
  const byOrganization = Map.groupBy(target.pools, ({ organization }) => organization);
  const all = await Promise.all(
    [...byOrganization].map(async ([organization, served]) => {
      const api = await tokens.usable(served[0]?.apiTokenSecret ?? '');
      // The check of the pools reports this failure.
      if ('failure' in api) return [];
      const read = (client: HcpTerraform) => observe(() => otherPools(client, organization, served));
      const launchers = await read(api.value.client);
      const own = tokens.own();
      const isHidden = 'value' in launchers && launchers.value === undefined;
      const observed = isHidden && own !== undefined ? await read(own.client) : launchers;
      return checkUnserved(organization, observed, context.io.now());
    }),
  );
  return all.flat();
}

/**
 * At most one of the 30 requests per minute that HCP Terraform allows for lists of runs, and none if every pool without agents is the launcher's.
 *
 * @returns `undefined` if the token can't list the pools or the runs
 */
async function otherPools(
  client: HcpTerraform,
  organization: string,
  served: readonly TargetPool[],
): Promise<OtherPools | undefined> {
  const pools = await unlessHidden(agentPoolsOf(client, organization));
  if (pools === undefined) return undefined;
  const isServed = ({ id, name }: Pool): boolean => served.some((own) => own.id === id || own.name === name);
  const others = pools.filter((pool) => !isServed(pool));
  // Releases of Terraform Enterprise that don't show the number of agents: the runs decide.
  const all = others.filter(({ agents = 0 }) => agents === 0);
  const withoutAgents = all.slice(0, MOST_POOLS);
  const facts = { count: others.length, unreadPools: all.length - withoutAgents.length };
  if (withoutAgents.length === 0) return { ...facts, withoutAgents: [], unreadRuns: 0 };
  const names = withoutAgents.map(({ name }) => name);
  const runs = await unlessHidden(newestQueuedRuns(client, organization, names));
  if (runs === undefined) return undefined;
  const ids = [...new Set(runs.map(({ workspaceId }) => workspaceId))].slice(0, MOST_WORKSPACES);
  const read = await Promise.all(ids.map(async (id) => [id, await unlessHidden(poolOfWorkspace(client, id))] as const));
  const workspaces = new Map<string, WorkspacePool | undefined>(read);
  return {
    ...facts,
    withoutAgents: withoutAgents.map(({ id, name }) => ({
      name,
      waiting: runs.flatMap(({ id: run, workspaceId, queuedAtMs }) => {
        const workspace = workspaces.get(workspaceId);
        return workspace?.poolId === id ? [{ id: run, workspace: workspace.name, queuedAtMs }] : [];
      }),
    })),
    unreadRuns: runs.filter(({ workspaceId }) => workspaces.get(workspaceId) === undefined).length,
  };
}
