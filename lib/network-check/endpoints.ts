/** What an existing VPC's endpoints mean for agents: they replace the egress path, even if they block agents. */
import { holds } from '../aws/address-range.ts';
import { GUARDDUTY_SERVICE } from '../aws/guardduty.ts';
import { type EndpointFacts, lets, missing, note, type VpcFacts, type VpcFinding, type VpcNeeds } from './findings.ts';

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
          `the endpoint for ${service} has no private DNS, so tasks use the public hostname`,
          'turn private DNS on, or allow the public hostname in your firewall',
        ),
      ),
    // Without private DNS, it isn't used.
    ...used.filter(({ privateDns }) => privateDns).flatMap((endpoint) => blocked(endpoint, subnets, agentGroups)),
    ...used.filter(({ hasCustomPolicy }) => hasCustomPolicy).map(({ service }) => policy(service, 'a task start')),
    ...(needs.guardDuty === true ? guardDutyFindings(facts, subnets, agentGroups) : []),
    ...(facts.s3HasCustomPolicy && needs.services.includes('ecr.dkr')
      ? [policy('s3', 's3:GetObject on prod-<region>-starport-layer-bucket')]
      : []),
  ];
}

/** Agents start without GuardDuty, so these findings are notes. */
function guardDutyFindings(
  { endpoints }: VpcFacts,
  subnets: readonly { readonly id: string; readonly range: string }[],
  agentGroups: readonly string[],
): VpcFinding[] {
  const its = endpoints.filter(({ service, privateDns }) => service === GUARDDUTY_SERVICE && privateDns);
  if (its.length > 0) return its.flatMap((endpoint) => blocked(endpoint, subnets, agentGroups).map(asNote));
  return [
    note(
      `the VPC has no endpoint for ${GUARDDUTY_SERVICE} with private DNS, which GuardDuty's sidecar sends to`,
      'GuardDuty creates it with automated agent configuration for Fargate (ECS): check the coverage of the cluster in the GuardDuty console',
    ),
  ];
}

const asNote = ({ what, remedy }: VpcFinding): VpcFinding => note(what, remedy);

function policy(service: string, what: string): VpcFinding {
  return note(
    `the endpoint for ${service} has a custom policy, which this command doesn't read`,
    `check that it allows ${what} for the roles of this stack`,
  );
}

/** The finding for an endpoint whose security groups don't admit agents. */
function blocked(
  endpoint: EndpointFacts,
  subnets: readonly { readonly id: string; readonly range: string }[],
  agentGroups: readonly string[],
): VpcFinding[] {
  const { service, groups } = endpoint;
  const rules = groups.flatMap(({ inbound }) => inbound).filter((rule) => lets(rule, 443));
  if (rules.some(({ peer }) => agentGroups.includes(peer))) return [];
  const out = subnets.filter(({ range }) => !rules.some(({ peer }) => holds(peer, range)));
  if (out.length === 0) return [];
  const what = `the endpoint for ${service} (security groups ${groups.map(({ id }) => id).join(', ')})`;
  const from = out.map(({ id }) => id).join(', ');
  const lists = rules.filter(({ peer }) => peer.startsWith('pl-')).map(({ peer }) => peer);
  if (lists.length > 0) {
    return [
      note(
        `${what} admits ${from} only through ${lists.join(', ')}`,
        'check that these prefix lists have the ranges of the subnets',
      ),
    ];
  }
  return [
    missing(
      `${what} does not allow inbound TCP 443 from ${from}, and its hostname leads nowhere else`,
      `add an inbound rule for ${out.map(({ range }) => range).join(', ')}${agentGroups.length === 0 ? '' : `, or for ${agentGroups.join(' or ')}`}`,
    ),
  ];
}
