/**
 * Findings about an existing VPC's endpoints. Traffic to a service uses its endpoint instead of the egress path, even if the
 * endpoint blocks agents.
 */
import { holds } from '../aws/address-range.ts';
import { GUARDDUTY_SERVICE } from '../aws/guardduty.ts';
import {
  AGENTS,
  type EndpointFacts,
  lets,
  missing,
  note,
  type Subject,
  type VpcFacts,
  type VpcFinding,
  type VpcNeeds,
} from './findings.ts';

/** The parts of the network that determine whether agents can reach an endpoint: the agents' subnets and security groups. */
interface Agents {
  readonly subnets: readonly { readonly id: string; readonly range: string }[];
  readonly groups: readonly string[];
}

export function* endpointFindings(facts: VpcFacts, needs: VpcNeeds, subject: Subject): Iterable<VpcFinding> {
  const subnets = facts.subnets.flatMap(({ id, vpcId, range }) =>
    vpcId === needs.vpcId && range !== undefined ? [{ id, range }] : [],
  );
  const agents = { subnets, groups: facts.securityGroups.map(({ id }) => id) };
  for (const { service, privateDns } of facts.endpoints) {
    if (privateDns) continue;
    yield note(
      `the endpoint for ${service} has no private DNS, so tasks use the public hostname`,
      'turn on private DNS for the endpoint, or allow the public hostname in your firewall',
    );
  }
  const used = facts.endpoints.filter(({ service }) => needs.services.includes(service));
  // Tasks don't use an endpoint without private DNS.
  for (const endpoint of used.filter(({ privateDns }) => privateDns)) yield* blocked(endpoint, agents, subject);
  for (const { service, hasCustomPolicy } of used) if (hasCustomPolicy) yield policy(service, subject.policy);
  if (needs.guardDuty === true) yield* guardDutyFindings(facts, agents);
  if (facts.s3HasCustomPolicy && needs.services.includes('ecr.dkr')) {
    yield policy('s3', 's3:GetObject on prod-<region>-starport-layer-bucket');
  }
}

/** Findings about GuardDuty's endpoint. They are notes, because agents also start without GuardDuty. */
function* guardDutyFindings({ endpoints }: VpcFacts, agents: Agents): Iterable<VpcFinding> {
  const its = endpoints.filter(({ service, privateDns }) => service === GUARDDUTY_SERVICE && privateDns);
  for (const endpoint of its)
    for (const { what, remedy } of blocked(endpoint, agents, AGENTS)) yield note(what, remedy);
  if (its.length > 0) return;
  yield note(
    `the VPC has no endpoint for ${GUARDDUTY_SERVICE} with private DNS, which GuardDuty's sidecar sends to`,
    'GuardDuty creates it with automated agent configuration for Fargate (ECS): check the coverage of the cluster in the GuardDuty console',
  );
}

function policy(service: string, what: string): VpcFinding {
  return note(
    `the endpoint for ${service} has a custom policy, which this command doesn't read`,
    `check that it allows ${what} for the roles of this stack`,
  );
}

/** The finding for an endpoint with security groups that block agents. */
function* blocked({ service, groups }: EndpointFacts, agents: Agents, subject: Subject): Iterable<VpcFinding> {
  const rules = groups.flatMap(({ inbound }) => inbound).filter((rule) => lets(rule, 443));
  if (rules.some(({ peer }) => agents.groups.includes(peer))) return;
  const out = agents.subnets.filter(({ range }) => !rules.some(({ peer }) => holds(peer, range)));
  if (out.length === 0) return;
  const what = `the endpoint for ${service} (security groups ${groups.map(({ id }) => id).join(', ')})`;
  const from = out.map(({ id }) => id).join(', ');
  const lists = rules.filter(({ peer }) => peer.startsWith('pl-')).map(({ peer }) => peer);
  yield lists.length > 0
    ? note(
        `${what} admits ${from} only through ${lists.join(', ')}`,
        'check that these prefix lists include the ranges of the subnets',
      )
    : missing(
        `${what} does not allow inbound TCP 443 from ${subject.inSubnets}${from}, and its hostname resolves only to this endpoint`,
        `add an inbound rule for ${out.map(({ range }) => range).join(', ')}${agents.groups.length === 0 ? '' : `, or for ${agents.groups.join(' or ')}`}`,
      );
}
