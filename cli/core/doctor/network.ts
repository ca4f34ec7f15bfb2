/** Checks of the network: the existing VPC, and HCP Terraform's IP allowlists. */
import { contains, parseRange } from '../../../lib/aws/address-range.ts';
import { NOT_CHECKED } from '../../../lib/network-check/check.ts';
import type { VpcFinding } from '../../../lib/network-check/findings.ts';
import { capital, listed } from '../sentences.ts';
import { couldNotCheck, error, type Finding, note, type Observed, ok } from './findings.ts';
import type { Target } from './target.ts';

/** None of the subnets in which a deployed stack starts its tasks exists. */
export function checkLostSubnets(subnetIds: readonly string[]): Finding {
  return error('network.vpc', {
    what: `The subnets of the agents don’t exist: ${listed(subnetIds)}.`,
    why: 'Agents can’t start.',
    todo: 'Set network.vpcId and network.subnetIds to a VPC and subnets that exist, and deploy.',
  });
}

/**
 * The findings of the network check, as those of `doctor`.
 *
 * @param vpc its id, or "of the agents" if it couldn't be read
 */
export function checkVpc(vpc: string, findings: Observed<readonly VpcFinding[]>): Finding[] {
  if ('failure' in findings) {
    return [couldNotCheck('network.vpc', `the VPC ${vpc}`, findings.failure, 'ec2:Describe* on VPCs')];
  }
  const all = findings.value.map(({ level, what, remedy }) =>
    level === 'missing'
      ? error('network.vpc', {
          what: `${capital(what)}.`,
          why: 'Agents can’t start, or can’t reach HCP Terraform.',
          todo: `${capital(remedy)}.`,
        })
      : note('network.vpc', {
          what: `${capital(what)}.`,
          why: 'It can prevent agents from starting, depending on the rest of your network.',
          todo: `${capital(remedy)}.`,
        }),
  );
  if (all.some(({ severity }) => severity === 'error')) return all;
  return [...all, ok('network.vpc', `${vpc} has what agents need. Not checked: ${NOT_CHECKED}.`)];
}

/** DNS Firewall could not be read, because the AWS CLI is missing or failed. */
export function checkDnsFirewall(read: Observed<unknown>, required: boolean): Finding[] {
  if ('value' in read) return [];
  const finding = couldNotCheck(
    'network.dns-firewall',
    'the DNS Firewall of the VPC',
    read.failure,
    'the AWS CLI ("aws") and route53resolver:ListFirewallRuleGroupAssociations',
  );
  if (required) return [finding];
  return [
    note('network.dns-firewall', {
      what: finding.what,
      why: 'A rule group that belongs to someone else can block domains that agents need.',
      todo: finding.todo ?? '',
    }),
  ];
}

export interface AllowList {
  readonly name: string;
  readonly scope: 'organization' | 'all_agent_pools' | 'selected_agent_pools' | (string & {});
  /** Ids of the pools of a list with the scope `selected_agent_pools`. */
  readonly poolIds: readonly string[];
  /** Ranges that are enabled. */
  readonly ranges: readonly string[];
}

export interface Egress {
  /** Source addresses of the agents. */
  readonly addresses: readonly string[];
  /** `unknown`: an existing VPC, or nothing is deployed yet. `changing`: each task has another address. */
  readonly kind: 'fixed' | 'changing' | 'unknown';
  /** Whether the launcher's requests come from the same addresses (`launcher.vpc`). Otherwise, they have no fixed address. */
  readonly launcherInVpc?: boolean;
}

/**
 * IP allowlists: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/cidr-range-lists. The scope `organization` applies to
 * everything except agent pools, so also to the launcher, whose function has a fixed address only with `launcher.vpc`.
 *
 * @param lists `undefined`: the API token can't see them, or the host has none
 * @param poolIds ids of the served pools in the organization
 */
export function checkAllowLists(
  organization: string,
  lists: Observed<readonly AllowList[] | undefined>,
  poolIds: readonly string[],
  egress: Egress,
): Finding[] {
  const id = 'network.allow-lists';
  if ('failure' in lists) {
    return [couldNotCheck(id, `the IP allowlists of ${organization}`, lists.failure, 'access to the organization')];
  }
  if (lists.value === undefined) {
    return [
      note(id, {
        what: `The API token can’t see the IP allowlists of ${organization}.`,
        why: 'A list for the whole organization locks the launcher out, and a list for agent pools can lock agents out.',
        todo: 'Ask an owner of the organization whether there is one: Settings, IP Allowlists.',
      }),
    ];
  }
  const enforced = lists.value.filter(({ ranges }) => ranges.length > 0);
  const findings = enforced.flatMap((list) => findingsOf(list, poolIds, egress));
  return findings.length > 0
    ? findings
    : [ok(id, `No IP allowlist of ${organization} blocks the launcher or its agents.`)];
}

function findingsOf(list: AllowList, poolIds: readonly string[], egress: Egress): Finding[] {
  const { name, scope, ranges } = list;
  if (ranges.some((range) => parseRange(range)?.prefix === 0)) return [];
  const shown = listed(ranges);
  if (scope === 'organization') {
    if (egress.launcherInVpc === true) return addressFindings(list, egress, LAUNCHER);
    return [
      error('network.allow-list-launcher', {
        what: `The IP allowlist "${name}" applies to the whole organization and allows only ${shown}.`,
        why: 'The launcher’s function has no fixed address, so HCP Terraform rejects its requests, and no agent starts.',
        todo: 'Limit the list to agent pools (its scope "All agent pools" or "Selected agent pools"). Or set launcher.vpc, which gives the launcher the address of the network, and add this address to the list.',
      }),
    ];
  }
  const applies = scope === 'all_agent_pools' || list.poolIds.some((id) => poolIds.includes(id));
  if (!applies) return [];
  if (egress.kind === 'changing') {
    return [
      error(AGENTS.id, {
        what: `The IP allowlist "${name}" limits the pool’s agents to ${shown}, but each task has another public address.`,
        why: 'HCP Terraform refuses the agents.',
        todo: 'Set network.egress to nat-gateway, which has a fixed address, or to on-demand with network.fixedAddress. Then add this address to the list.',
      }),
    ];
  }
  return addressFindings(list, egress, AGENTS);
}

/** Who sends the requests that a list limits, and what happens if the list refuses them. */
interface Sender {
  readonly id: Finding['id'];
  readonly limited: string;
  readonly senders: string;
  readonly refused: string;
  readonly effect: string;
}

const AGENTS: Sender = {
  id: 'network.allow-list-agents',
  limited: 'limits the pool’s agents to',
  senders: 'agents',
  refused: 'Agents with another source address can’t register.',
  effect: 'HCP Terraform refuses the agents.',
};
const LAUNCHER: Sender = {
  id: 'network.allow-list-launcher',
  limited: 'applies to the whole organization and allows only',
  senders: 'launcher',
  refused: 'HCP Terraform rejects the launcher’s requests from another source address, and no agent starts.',
  effect: 'HCP Terraform rejects the launcher’s requests, and no agent starts.',
};

/** Findings about senders whose addresses are fixed or unknown. */
function addressFindings({ name, ranges }: AllowList, egress: Egress, sender: Sender): Finding[] {
  const { id, limited, senders, refused: why, effect } = sender;
  if (egress.kind !== 'fixed') {
    return [
      note(id, {
        what: `The IP allowlist "${name}" ${limited} ${listed(ranges)}.`,
        why,
        todo: `Check that the list contains the public source addresses of the ${senders}. After a deployment with nat-gateway, or with on-demand and fixedAddress, the output EgressAddresses shows them.`,
      }),
    ];
  }
  const refused = egress.addresses.filter((address) => !ranges.some((range) => isIn(address, range)));
  if (refused.length === 0) return [];
  return [
    error(id, {
      what: `The IP allowlist "${name}" doesn’t contain ${listed(refused)}, from which ${sender === AGENTS ? 'agents send' : 'the launcher sends'}.`,
      why: effect,
      todo: `Add ${refused.map((address) => `${address}/32`).join(' and ')} to the list: Settings, IP Allowlists.`,
    }),
  ];
}

function isIn(address: string, range: string): boolean {
  const [one, all] = [parseRange(`${address}/32`), parseRange(range)];
  return one !== undefined && all !== undefined && contains(all, one);
}

/** Where the agents' requests come from. */
export function egressOf({ network }: Target): Egress {
  if (network.kind === 'own') {
    const { egress, launcherInVpc = false } = network;
    return { addresses: [], kind: egress === 'public-ip' ? 'changing' : 'unknown', launcherInVpc };
  }
  if (network.kind === 'existing') {
    return { addresses: [], kind: 'unknown', launcherInVpc: network.needs.launcher !== undefined };
  }
  const { egressAddresses: addresses, publicAddresses, launcherInVpc = false } = network;
  if (publicAddresses) return { addresses: [], kind: 'changing', launcherInVpc };
  return { addresses, kind: addresses.length > 0 ? 'fixed' : 'unknown', launcherInVpc };
}
