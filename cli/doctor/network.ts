/** Reads the existing VPC, HCP Terraform's IP allowlists, and what the network refused. */
import { DescribeSubnetsCommand } from '@aws-sdk/client-ec2';
import * as z from 'zod';
import { askAwsCli } from '../../lib/network-check/aws-cli.ts';
import { findingsIn } from '../../lib/network-check/check.ts';
import { askEc2 } from '../../lib/network-check/ec2.ts';
import { dnsFirewallFacts, NO_DNS_FIREWALL, vpcFacts } from '../../lib/network-check/facts.ts';
import type { VpcNeeds } from '../../lib/network-check/findings.ts';
import type { Context } from '../context.ts';
import type { Finding } from '../core/doctor/findings.ts';
import {
  type AllowList,
  checkAllowLists,
  checkDnsFirewall,
  checkLostSubnets,
  checkVpc,
  egressOf,
} from '../core/doctor/network.ts';
import { checkRefusals, REFUSALS_HOURS } from '../core/doctor/refused-domains.ts';
import { targetOfSettings } from '../core/doctor/target.ts';
import { type HcpTerraform, paginationMeta, unlessHidden } from '../hcp-terraform/client.ts';
import { gatherRefusals } from '../refusals.ts';
import type { TargetCheckup } from './doctor.ts';
import { observe } from './observe.ts';
import type { ObservedPool } from './pool.ts';
import { tasksOf } from './tasks.ts';

export async function networkFindings(checkup: TargetCheckup, pools: readonly ObservedPool[]): Promise<Finding[]> {
  const all = await Promise.all([vpcFindings(checkup), allowListFindings(checkup, pools), refusalFindings(checkup)]);
  return all.flat();
}

async function refusalFindings({ context: { aws, io }, deployment }: TargetCheckup): Promise<Finding[]> {
  if (deployment === undefined) return [];
  const nowMs = io.now();
  const refusals = await gatherRefusals(aws, deployment, { fromMs: nowMs - REFUSALS_HOURS * 3_600_000, toMs: nowMs });
  return refusals === undefined ? [] : checkRefusals(refusals, nowMs);
}

async function vpcFindings(checkup: TargetCheckup): Promise<Finding[]> {
  const { context, identity } = checkup;
  if ('failure' in identity) return [];
  const vpc = await observe(() => existingVpc(checkup));
  if ('failure' in vpc) return checkVpc('of the agents', vpc);
  if (vpc.value === undefined) return [];
  if ('lostSubnets' in vpc.value) return [checkLostSubnets(vpc.value.lostSubnets)];
  const { needs, securityGroupIds } = vpc.value;
  const { region, profile } = context.options;
  const cli = askAwsCli({
    env: context.io.env,
    options: [...(profile === undefined ? [] : ['--profile', profile]), '--region', region ?? identity.value.region],
  });
  const ec2 = await context.aws.ec2();
  const ask = askEc2((command) => ec2.send(command), cli);
  const [facts, dns] = await Promise.all([
    observe(() => vpcFacts(ask, needs, securityGroupIds)),
    observe(() => dnsFirewallFacts(ask, needs)),
  ]);
  if ('failure' in facts) return checkVpc(needs.vpcId, facts);
  const all = { ...facts.value, ...('value' in dns ? dns.value : NO_DNS_FIREWALL) };
  return [...checkVpc(needs.vpcId, { value: findingsIn(all, needs) }), ...checkDnsFirewall(dns, needs.dnsFirewall)];
}

interface ExistingVpc {
  readonly needs: VpcNeeds;
  readonly securityGroupIds: readonly string[];
}

/** The VPC that the stack didn't create, by the deployed stack or by the settings; `undefined`: there is none. */
async function existingVpc({
  context,
  target,
  settings,
  deployment,
}: TargetCheckup): Promise<ExistingVpc | { readonly lostSubnets: readonly string[] } | undefined> {
  const ofSettings = settings === undefined ? undefined : targetOfSettings(settings).network;
  const { network } = target;
  if (network.kind !== 'deployed' || network.needs === undefined || deployment === undefined) {
    // A stack of an older version doesn't say who created its network.
    return ofSettings?.kind === 'existing' ? ofSettings : undefined;
  }
  const { needs, securityGroupIds } = network;
  const [vpcId, tasks] = await Promise.all([
    vpcOf(context, needs.subnetIds),
    observe(() => tasksOf(context.aws, deployment)),
  ]);
  if (vpcId === undefined) return { lostSubnets: needs.subnetIds };
  // A stack doesn't show whether tasks have GuardDuty's sidecar.
  const guardDuty = ofSettings?.kind === 'existing' && ofSettings.needs.guardDuty === true;
  // The live tasks already have their addresses. If they can't be read, another check reports it.
  const agents = Math.max(0, needs.agents - ('value' in tasks ? tasks.value.live.length : 0));
  return { needs: { ...needs, vpcId, agents, guardDuty }, securityGroupIds };
}

/** The VPC of the subnets; `undefined`: none of them exists. */
async function vpcOf({ aws }: Context, subnetIds: readonly string[]): Promise<string | undefined> {
  const ec2 = await aws.ec2();
  const Filters = [{ Name: 'subnet-id', Values: [...subnetIds] }];
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ Filters }));
  return Subnets[0]?.VpcId;
}

const relation = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })).default([]) }).optional();
const list = z.looseObject({
  id: z.string(),
  attributes: z.looseObject({ name: z.string().default(''), 'enforcement-scope': z.string().optional() }),
  relationships: z.looseObject({ 'agent-pools': relation }).default({}),
});
const lists = z.looseObject({ data: z.array(list), meta: paginationMeta });
const oneList = z.looseObject({ data: list });
const ranges = z.looseObject({
  data: z.array(
    z.looseObject({ attributes: z.looseObject({ range: z.string(), enabled: z.boolean().default(true) }) }),
  ),
  meta: paginationMeta,
});

async function allowListFindings(checkup: TargetCheckup, pools: readonly ObservedPool[]): Promise<Finding[]> {
  const { target, tokens } = checkup;
  const byOrganization = Map.groupBy(pools, ({ pool }) => pool.organization);
  const all = await Promise.all(
    [...byOrganization].map(async ([organization, its]) => {
      const api = await tokens.usable(its[0]?.pool.apiTokenSecret ?? '');
      const launchers = 'failure' in api ? api : await observe(() => allowLists(api.value.client, organization));
      const own = tokens.own();
      const isHidden = 'value' in launchers && launchers.value === undefined;
      const observed =
        isHidden && own !== undefined ? await observe(() => allowLists(own.client, organization)) : launchers;
      const poolIds = its.flatMap(({ answer }) => ('value' in answer && 'id' in answer.value ? [answer.value.id] : []));
      return checkAllowLists(organization, observed, poolIds, egressOf(target));
    }),
  );
  return all.flat();
}

/** https://developer.hashicorp.com/terraform/cloud-docs/api-docs/cidr-range-lists; `undefined`: the token can't see them. */
async function allowLists(client: HcpTerraform, organization: string): Promise<AllowList[] | undefined> {
  const path = `/api/v2/organizations/${encodeURIComponent(organization)}/cidr-range-lists`;
  const found = await unlessHidden(client.list(path, lists));
  if (found === undefined) return undefined;
  return Promise.all(
    found.map(async ({ id, ...shown }) => {
      const own = `/api/v2/cidr-range-lists/${encodeURIComponent(id)}`;
      // The documented list doesn't show the scope and the pools, but the single resource does.
      const { attributes, relationships } =
        shown.attributes['enforcement-scope'] === undefined || shown.relationships['agent-pools'] === undefined
          ? (await client.get(own, oneList)).data
          : shown;
      const its = await client.list(`${own}/relationships/cidr-ranges`, ranges);
      return {
        name: attributes.name,
        scope: attributes['enforcement-scope'] ?? 'organization',
        poolIds: relationships['agent-pools']?.data.map((pool) => pool.id) ?? [],
        ranges: its.filter((range) => range.attributes.enabled).map((range) => range.attributes.range),
      };
    }),
  );
}
