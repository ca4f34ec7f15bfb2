/** IP allowlists. They are stored and shown, but not enforced. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/cidr-range-lists */
import * as z from 'zod';
import { added, type Call, created, type Define, document, found, noContent } from '../api.ts';
import { newId } from '../ids.ts';
import { invalid, isoTime, type Resource, toMany } from '../json-api.ts';
import type { IpAllowList, IpRange } from '../world.ts';

const SCOPES = ['organization', 'all_agent_pools', 'selected_agent_pools'] as const;

const listBody = z.object({
  data: z.object({
    type: z.literal('cidr-range-lists'),
    attributes: z.object({
      name: z.string().min(1),
      description: z.string().nullish(),
      enforcementScope: z.enum(SCOPES),
    }),
  }),
});

const rangeBody = z.object({
  data: z.object({
    type: z.literal('cidr-ranges'),
    attributes: z.object({
      range: z.string().regex(/^\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}$/),
      enabled: z.boolean(),
      description: z.string().nullish(),
    }),
  }),
});

const poolsBody = z.object({ data: z.array(z.object({ id: z.string(), type: z.literal('agent-pools') })) });

function listResource(list: IpAllowList): Resource {
  return {
    id: list.id,
    type: 'cidr-range-lists',
    attributes: { name: list.name, description: list.description, 'enforcement-scope': list.scope },
    relationships: {
      'cidr-ranges': toMany('cidr-ranges', list.ranges),
      'agent-pools': toMany('agent-pools', list.poolIds),
    },
    links: { self: `/api/v2/cidr-range-lists/${list.id}` },
  };
}

/** Pages of lists show neither the scope nor the pools. */
function listInPage(list: IpAllowList): Resource {
  const { attributes, relationships, ...resource } = listResource(list);
  const { name, description } = attributes;
  return {
    ...resource,
    attributes: { name, description },
    relationships: { 'cidr-ranges': relationships?.['cidr-ranges'] ?? {} },
  };
}

function rangeResource(range: IpRange): Resource {
  return {
    id: range.id,
    type: 'cidr-ranges',
    attributes: {
      range: range.range,
      description: range.description,
      enabled: range.enabled,
      'updated-at': isoTime(range.createdAt),
    },
    links: { self: `/api/v2/cidr-ranges/${range.id}` },
  };
}

export function ipAllowListRoutes(define: Define): void {
  const listOf = (call: Call): IpAllowList => {
    call.requireOwner();
    return found(call.world.ipAllowLists, call.id);
  };

  define('GET', '/organizations/:organization/cidr-range-lists', (call) => {
    call.requireOwner();
    const { name } = call.organization();
    const lists = [...call.world.ipAllowLists.values()].filter(({ organization }) => organization === name);
    return call.list(lists, listInPage);
  });

  define('POST', '/organizations/:organization/cidr-range-lists', (call) => {
    const { name: organization } = call.organization();
    const { name, description, enforcementScope } = call.parse(listBody).data.attributes;
    const others = [...call.world.ipAllowLists.values()].filter((list) => list.organization === organization);
    if (enforcementScope === 'organization' && others.some(({ scope }) => scope === 'organization')) {
      throw invalid('enforcement-scope', 'Enforcement scope has already been taken');
    }
    const createdAt = call.platform.now();
    const list = { id: newId('crl'), createdAt, organization, name, description: description ?? null };
    return created(
      listResource(added(call.world.ipAllowLists, { ...list, scope: enforcementScope, poolIds: [], ranges: [] })),
    );
  });

  define('GET', '/cidr-range-lists/:id', (call) => document(listResource(listOf(call))));

  define('DELETE', '/cidr-range-lists/:id', (call) => {
    call.world.ipAllowLists.delete(listOf(call).id);
    return noContent;
  });

  define('GET', '/cidr-range-lists/:id/relationships/cidr-ranges', (call) =>
    call.list(listOf(call).ranges, rangeResource),
  );

  define('POST', '/cidr-range-lists/:id/relationships/cidr-ranges', (call) => {
    const list = listOf(call);
    const { range, enabled, description } = call.parse(rangeBody).data.attributes;
    const item = {
      id: newId('cidr'),
      createdAt: call.platform.now(),
      range,
      enabled,
      description: description ?? null,
    };
    list.ranges.push(item);
    return created(rangeResource(item));
  });

  define('POST', '/cidr-range-lists/:id/relationships/agent-pools', (call) => {
    const list = listOf(call);
    if (list.scope !== 'selected_agent_pools')
      throw invalid('enforcement-scope', 'Enforcement scope must be selected_agent_pools');
    list.poolIds.push(...call.parse(poolsBody).data.map(({ id }) => found(call.world.pools, id).id));
    return noContent;
  });
}
