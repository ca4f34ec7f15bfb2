/** Follows a packet of a task through security groups, routes, gateways, endpoints and firewalls. */
import { contains, parseRange } from '../../../../lib/aws/address-range.ts';
import { resolves } from './dns-rules.ts';
import { type ApiCall, lets } from './endpoint-policy.ts';
import { verdict } from './firewall-policy.ts';
import { filterVerdict, type GatewayModel } from './gateway-filter.ts';
import type { Endpoint, NetworkModel, Route, Subnet } from './network-model.ts';
import type { Connection } from './suricata.ts';

/** A packet that a task sends. */
export interface Packet extends Connection {
  /** The destination: an address on the internet, S3 in the region, or another task. */
  readonly to: 'internet' | 's3' | 'neighbour';
  readonly family: 4 | 6;
  /** A name that must resolve first. It is absent if the sender knows the address. */
  readonly name?: string;
  /** The chain of names that the name is an alias of. */
  readonly aliases?: readonly string[];
  /** The call, if the destination is an AWS API. */
  readonly call?: ApiCall;
}

/** The result of following a packet. */
export interface Arrival {
  readonly reached: boolean;
  /** The hops that it passes, in order. It ends at the last one. */
  readonly hops: readonly string[];
  /** The reason why it is stopped, if it is. */
  readonly stoppedBy?: string;
}

/** Follows a packet from a task in a subnet. */
export function follow(model: NetworkModel, subnetId: string, packet: Packet): Arrival {
  if (packet.name !== undefined && !resolves(model.dnsRules, packet.name, packet.aliases)) {
    return { reached: false, hops: [], stoppedBy: 'DNS Firewall: the name does not exist' };
  }
  if (!leavesGroup(model, packet)) {
    return { reached: false, hops: [], stoppedBy: 'the security group: no rule for it' };
  }
  const endpoint = packet.name === undefined ? undefined : endpointFor(model, packet.name);
  if (endpoint !== undefined) return intoEndpoint(model, endpoint, packet);
  if (packet.to === 'neighbour') return toNeighbour(model, packet);
  return alongRoutes(model, subnetId, packet);
}

function leavesGroup({ groupRules, tasks }: NetworkModel, packet: Packet): boolean {
  return groupRules.some(
    (rule) =>
      tasks.groups.includes(rule.group) &&
      rule.direction === 'out' &&
      (rule.protocol === '-1' || rule.protocol === packet.protocol) &&
      rule.from <= packet.port &&
      packet.port <= rule.to &&
      (packet.to === 'neighbour' || isOutside(rule.peer, packet.family)),
  );
}

/** Returns whether a rule's peer contains any address on the internet: a range of the family, or a prefix list of unknown content. */
function isOutside(peer: string, family: 4 | 6): boolean {
  if (peer === 'anything' || peer.startsWith('pl-')) return true;
  return peer.includes('/') && peer.includes(':') === (family === 6);
}

/** Returns the endpoint that an API's hostname resolves to, if the endpoint has private DNS. */
function endpointFor(model: NetworkModel, name: string): Endpoint | undefined {
  const apis: Readonly<Record<string, RegExp>> = {
    'ecr.api': /^api\.ecr\./,
    'ecr.dkr': /\.dkr\.ecr\./,
    logs: /^logs\./,
    secretsmanager: /^secretsmanager\./,
    ecs: /^ecs\./,
    sqs: /^sqs\./,
  };
  return model.endpoints.find(
    ({ kind, service, privateDns }) => kind === 'Interface' && privateDns && apis[service]?.test(name) === true,
  );
}

/** Follows a packet into an endpoint, whose security group must allow the tasks' group, and whose policy must allow the call. */
function intoEndpoint(model: NetworkModel, { service, groups, policy }: Endpoint, { call }: Packet): Arrival {
  const hops = [`interface endpoint ${service}`];
  const isOpen = model.groupRules.some(
    (rule) => rule.direction === 'in' && groups.includes(rule.group) && model.tasks.groups.includes(rule.peer),
  );
  if (!isOpen) return { reached: false, hops, stoppedBy: "the endpoint's security group: no rule for it" };
  if (call === undefined || lets(policy, call)) return { reached: true, hops };
  return { reached: false, hops, stoppedBy: "the endpoint's policy: no statement allows the request" };
}

/** Follows a packet to another task of the same VPC. It needs no route, and only that task's security group can stop it. */
function toNeighbour(model: NetworkModel, packet: Packet): Arrival {
  const entered = model.groupRules.some(
    (rule) => rule.direction === 'in' && model.tasks.groups.includes(rule.group) && rule.from <= packet.port,
  );
  return entered
    ? { reached: true, hops: ['neighbour'] }
    : { reached: false, hops: [], stoppedBy: "the other task's security group: it has no inbound rule" };
}

function alongRoutes(model: NetworkModel, subnetId: string, packet: Packet): Arrival {
  const hops: string[] = [];
  const stopped = (stoppedBy: string): Arrival => ({ reached: false, hops, stoppedBy });
  let subnet = model.subnets.get(subnetId);
  let hasPublicAddress = model.tasks.publicAddress;
  // Eight hops mean that the path has a loop.
  for (let hop = 0; hop < 8; hop++) {
    if (subnet === undefined) return stopped('a subnet that is not in the template');
    const target = routeFor(subnet, packet)?.target;
    switch (target?.kind) {
      case undefined:
        return stopped('no route');
      case 's3-endpoint': {
        hops.push('S3 gateway endpoint');
        const { policy } = model.endpoints.find(({ id }) => id === target.id) ?? {};
        return packet.call !== undefined && lets(policy, packet.call)
          ? { reached: true, hops }
          : stopped("the S3 endpoint's policy: another bucket");
      }
      case 'firewall': {
        hops.push('Network Firewall');
        const policy = model.firewalls.get(target.id);
        if (policy === undefined) return stopped('a firewall that is not in the template');
        const { passes, by } = verdict(policy, packet);
        if (!passes) return stopped(`Network Firewall: ${by}`);
        subnet = model.subnets.get(model.placed.get(target.id) ?? '');
        break;
      }
      case 'gateway': {
        hops.push('gateway');
        const stoppedBy = stoppedByGateway(model, model.gateways.get(target.id), subnet, packet);
        if (stoppedBy !== undefined) return stopped(stoppedBy);
        hasPublicAddress = true;
        subnet = model.subnets.get(model.gateways.get(target.id)?.subnet ?? '');
        break;
      }
      case 'nat-gateway':
        hops.push('NAT gateway');
        hasPublicAddress = true;
        subnet = model.subnets.get(model.placed.get(target.id) ?? '');
        break;
      case 'internet-gateway':
        hops.push('internet gateway');
        return hasPublicAddress || packet.family === 6 ? { reached: true, hops } : stopped('no public address');
      case 'egress-only-gateway':
        hops.push('egress-only internet gateway');
        return { reached: true, hops };
      case 'unknown':
        return stopped('a route to nowhere');
    }
  }
  return stopped('routes in a circle');
}

/** Why a gateway doesn't lead to the packet's destination; `undefined` if it does. */
function stoppedByGateway(
  model: NetworkModel,
  gateway: GatewayModel | undefined,
  from: Subnet,
  packet: Packet,
): string | undefined {
  if (gateway === undefined || !gateway.getsForeignPackets) return 'a gateway that is not in the template';
  const rules = model.groupRules.filter(
    ({ group, from: first, to }) => gateway.groups.includes(group) && first <= packet.port && packet.port <= to,
  );
  const isOpen = (way: 'in' | 'out', peer: string) =>
    rules.some((rule) => rule.direction === way && rule.protocol === packet.protocol && rule.peer === peer);
  if (!isOpen('in', from.cidr)) return "the gateway's security group: no rule for it";
  const { passes, by } = filterVerdict(gateway.filter, packet);
  if (!passes) return `the gateway: ${by}`;
  // The gateway uses the VPC's resolver.
  if (!resolves(model.dnsRules, packet.serverName ?? '', packet.aliases))
    return 'DNS Firewall: the name does not exist';
  if (!isOpen('out', '0.0.0.0/0')) return "the gateway's security group: no rule for it";
  if (packet.name !== packet.serverName) return 'the gateway: it connects to the host of the server name instead';
  return undefined;
}

/** Returns the most specific route. The route to S3 is more specific than a default route, and exists for IPv4 only. */
function routeFor(subnet: Subnet, packet: Packet): Route | undefined {
  const s3 = subnet.routes.find(({ destination }) => destination === 's3');
  if (packet.family === 4 && packet.to === 's3' && s3 !== undefined) return s3;
  return subnet.routes.find(({ destination }) => destination === (packet.family === 4 ? '0.0.0.0/0' : '::/0'));
}

/** Firewalls on the outbound and the return path of a task's subnet. If they differ, a firewall sees half of a connection. */
export function firewallsOnTheWay(model: NetworkModel, subnetId: string): { out: string[]; back: string[] } {
  const out: string[] = [];
  let subnet = model.subnets.get(subnetId);
  const task = subnet === undefined ? undefined : parseRange(subnet.cidr);
  let natSubnet: Subnet | undefined;
  for (let hop = 0; hop < 8 && subnet !== undefined; hop++) {
    const target: Route['target'] | undefined = subnet.routes.find(
      ({ destination }) => destination === '0.0.0.0/0',
    )?.target;
    if (target?.kind === 'firewall') out.push(target.id);
    const next: Subnet | undefined = model.subnets.get(model.placed.get(target?.id ?? '') ?? '');
    if (target?.kind === 'nat-gateway') natSubnet = next;
    subnet = next;
  }
  // The NAT gateway sends answers to the task, through a firewall if its subnet has a more specific route.
  const back = (natSubnet?.routes ?? [])
    .filter(({ destination, target }) => {
      const range = parseRange(destination);
      return target.kind === 'firewall' && range !== undefined && task !== undefined && contains(range, task);
    })
    .map(({ target }) => target.id);
  return { out, back };
}
