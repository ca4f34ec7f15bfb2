/** Reads the agent pools in HCP Terraform. */
import * as z from 'zod';
import type { Finding, Observed } from '../core/doctor/findings.ts';
import { type AgentFacts, checkArchitectures, checkPool, type PoolAnswer } from '../core/doctor/pool.ts';
import type { TargetPool } from '../core/doctor/target.ts';
import { type HcpTerraform, paginationMeta, time, unlessHidden } from '../hcp-terraform/client.ts';
import type { TargetCheckup } from './doctor.ts';
import { observe } from './observe.ts';
import { tasksOf } from './tasks.ts';

const toMany = z.looseObject({ data: z.array(z.unknown()).default([]) }).optional();
const pool = z.looseObject({
  id: z.string(),
  attributes: z.looseObject({ name: z.string(), 'organization-scoped': z.boolean().default(true) }),
  relationships: z
    .looseObject({ workspaces: toMany, 'allowed-workspaces': toMany, 'allowed-projects': toMany })
    .default({}),
});
const page = <T extends z.ZodType>(item: T) =>
  z.looseObject({
    data: z.array(item),
    meta: paginationMeta,
  });
const onePool = z.looseObject({ data: pool });
const pools = page(pool);
const agents = page(z.looseObject({ attributes: z.looseObject({ name: z.string().nullish(), status: z.string() }) }));
const tokens = page(z.looseObject({ id: z.string(), attributes: z.looseObject({ 'created-at': time }) }));

export interface ObservedPool {
  readonly pool: TargetPool;
  readonly answer: Observed<PoolAnswer>;
}

export function observePools({ context, target, tokens: access }: TargetCheckup): Promise<ObservedPool[]> {
  const own = access.own()?.client;
  return Promise.all(
    target.pools.map(async (each): Promise<ObservedPool> => {
      const api = await access.usable(each.apiTokenSecret);
      if ('failure' in api) return { pool: each, answer: api };
      return {
        pool: each,
        answer: await observe(() => read({ client: api.value.client, own }, each, context.io.now())),
      };
    }),
  );
}

export async function poolFindings(
  { context, target, deployment }: TargetCheckup,
  observed: readonly ObservedPool[],
): Promise<Finding[]> {
  const tasks = deployment === undefined ? undefined : await observe(() => tasksOf(context.aws, deployment));
  // HCP Terraform can show the agent of a task for some minutes after the task ended.
  const own = tasks === undefined || 'failure' in tasks ? tasks : { value: tasks.value.ids };
  return [...observed.flatMap(({ pool: each, answer }) => checkPool(each, answer, own)), ...checkArchitectures(target)];
}

/** Agents that haven't pinged for longer have ended. HCP Terraform sets an agent to errored after five minutes. */
const PINGED_WITHIN_MS = 60 * 60_000;

interface Clients {
  /** With the launcher's token, if it works. */
  readonly client: HcpTerraform;
  /** With the user's own token, which may list the agent tokens. */
  readonly own: HcpTerraform | undefined;
}

async function read({ client, own }: Clients, wanted: TargetPool, nowMs: number): Promise<PoolAnswer> {
  const list = `/api/v2/organizations/${encodeURIComponent(wanted.organization)}/agent-pools`;
  const found =
    wanted.id === undefined
      ? (await unlessHidden(client.list(`${list}?q=${encodeURIComponent(wanted.name)}`, pools)))?.find(
          ({ attributes }) => attributes.name === wanted.name,
        )
      : (await unlessHidden(client.get(`/api/v2/agent-pools/${encodeURIComponent(wanted.id)}`, onePool)))?.data;
  if (found === undefined) {
    const others = (await unlessHidden(client.list(list, pools))) ?? [];
    return { missing: true, others: others.map(({ attributes }) => attributes.name) };
  }
  const path = `/api/v2/agent-pools/${encodeURIComponent(found.id)}`;
  const since = encodeURIComponent(new Date(nowMs - PINGED_WITHIN_MS).toISOString());
  const [its, agentTokens] = await Promise.all([
    observe(() => client.list(`${path}/agents?filter[last-ping-since]=${since}`, agents)),
    observe(() => agentTokenAges({ client, own }, path, nowMs)),
  ]);
  const count = (name: 'workspaces' | 'allowed-workspaces' | 'allowed-projects'): number =>
    found.relationships[name]?.data.length ?? 0;
  return {
    id: found.id,
    name: found.attributes.name,
    organizationScoped: found.attributes['organization-scoped'],
    allowedWorkspaces: count('allowed-workspaces'),
    allowedProjects: count('allowed-projects'),
    usedBy: count('workspaces'),
    agents:
      'value' in its
        ? {
            value: its.value.map(
              ({ attributes }): AgentFacts => ({
                name: attributes.name ?? 'an agent without a name',
                status: attributes.status,
              }),
            ),
          }
        : its,
    agentTokens,
  };
}

/** Ages of a pool's agent tokens in days; `undefined`: neither token can list them. */
async function agentTokenAges(
  { client, own }: Clients,
  path: string,
  nowMs: number,
): Promise<readonly number[] | undefined> {
  for (const one of own === undefined ? [client] : [client, own]) {
    const found = await unlessHidden(one.list(`${path}/authentication-tokens`, tokens));
    if (found === undefined) continue;
    return found.map(({ attributes }) => Math.max(0, Math.floor((nowMs - attributes['created-at']) / 86_400_000)));
  }
  return undefined;
}
