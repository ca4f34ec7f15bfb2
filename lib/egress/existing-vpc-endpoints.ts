/** What the endpoints of an existing VPC are to agents: endpoints take the place of the way out, also where they are shut. */
import { contains, parseRange } from './address-range.ts';
import { GUARDDUTY_SERVICE } from './guardduty.ts';
import {
  type EndpointFacts,
  lets,
  missing,
  note,
  type VpcFacts,
  type VpcFinding,
  type VpcNeeds,
} from './vpc-findings.ts';

export function endpointFindings(facts: VpcFacts, needs: VpcNeeds): VpcFinding[] {
  const used = facts.endpoints.filter(({ service }) => needs.services.includes(service));
  const subnets = facts.subnets.flatMap(({ id, vpcId, range }) =>
    vpcId === needs.vpcId && range !== undefined ? [{ id, range }] : [],
  );
  const agentGroups = facts.securityGroups.map(({ id }) => id);
  return [
    ...facts.endpoints
      .filter(({ privateDns }) => !privateDns)
      .map(({ service }) =>
        note(
          `the endpoint for ${service} has no private DNS: tasks ask the public name and go outside`,
          'switch private DNS on, or allow its public name on the way out',
        ),
      ),
    // Without its private name it is not asked.
    ...used.filter(({ privateDns }) => privateDns).flatMap((endpoint) => shut(endpoint, subnets, agentGroups)),
    ...used.filter(({ policyOfItsOwn }) => policyOfItsOwn).map(({ service }) => policy(service, 'a task start')),
    ...(needs.guardDuty === true ? guardDutyFindings(facts, subnets, agentGroups) : []),
    ...(facts.s3PolicyOfItsOwn && needs.services.includes('ecr.dkr')
      ? [policy('s3', 's3:GetObject on prod-<region>-starport-layer-bucket')]
      : []),
  ];
}

/** Agents start without GuardDuty, so nothing here is missing for them. */
function guardDutyFindings(
  { endpoints }: VpcFacts,
  subnets: readonly { readonly id: string; readonly range: string }[],
  agentGroups: readonly string[],
): VpcFinding[] {
  const its = endpoints.filter(({ service, privateDns }) => service === GUARDDUTY_SERVICE && privateDns);
  if (its.length > 0) return its.flatMap((endpoint) => shut(endpoint, subnets, agentGroups).map(asNote));
  return [
    note(
      `the VPC has no endpoint for ${GUARDDUTY_SERVICE} with private DNS, which GuardDuty's sidecar sends to`,
      'GuardDuty creates it with automated agent configuration for Fargate (ECS): see the coverage of the cluster in the GuardDuty console',
    ),
  ];
}

const asNote = ({ what, remedy }: VpcFinding): VpcFinding => note(what, remedy);

function policy(service: string, what: string): VpcFinding {
  return note(
    `the endpoint for ${service} has a policy of its own, which is not read here`,
    `see that it lets ${what} through, for the roles of this stack`,
  );
}

/** What is said of an endpoint whose security groups do not let agents in. */
function shut(
  endpoint: EndpointFacts,
  subnets: readonly { readonly id: string; readonly range: string }[],
  agentGroups: readonly string[],
): VpcFinding[] {
  const { service, groups } = endpoint;
  const rules = groups.flatMap(({ inwards }) => inwards).filter((rule) => lets(rule, 443));
  if (rules.some(({ peer }) => agentGroups.includes(peer))) return [];
  const out = subnets.filter(({ range }) => !rules.some(({ peer }) => holds(peer, range)));
  if (out.length === 0) return [];
  const what = `the endpoint for ${service} (security groups ${groups.map(({ id }) => id).join(', ')})`;
  const from = out.map(({ id }) => id).join(', ');
  const lists = rules.filter(({ peer }) => peer.startsWith('pl-')).map(({ peer }) => peer);
  if (lists.length > 0) {
    return [note(`${what} lets ${from} in by ${lists.join(', ')} at most`, 'see that these lists hold the ranges')];
  }
  return [
    missing(
      `${what} does not let TCP 443 in from ${from}, and its name leads nowhere else`,
      `add a rule inwards for ${out.map(({ range }) => range).join(', ')}${agentGroups.length === 0 ? '' : `, or for ${agentGroups.join(' or ')}`}`,
    ),
  ];
}

function holds(peer: string, range: string): boolean {
  const [outer, inner] = [parseRange(peer), parseRange(range)];
  return outer !== undefined && inner !== undefined && contains(outer, inner);
}
