/** A reviewer's questions about a network: what can a task reach, and on which path? */
import type { NetworkModel, Target } from './network-model.ts';
import { FILL } from './template-values.ts';
import { type Arrival, follow, type Packet } from './walk.ts';

export interface Probe {
  readonly what: string;
  readonly packet: Packet;
}

const tls = { protocol: 'tcp', port: 443, to: 'internet', family: 4 } as const;
const aws = (service: string) => `${service}.${FILL.region}.amazonaws.com`;

/** Returns a call to the API's own hostname, with credentials of this account or of another one. */
function api(name: string, action: string, principalAccount = FILL.account): Packet {
  const call = { action, resource: '*', principalAccount, resourceAccount: principalAccount };
  return { ...tls, name: aws(name), serverName: aws(name), call };
}

/** An account of AWS or of an attacker. */
const OTHER = '999999999999';
const inBucket = (bucket: string, action: string) => ({
  action,
  resource: `arn:aws:s3:::${bucket}/key`,
  principalAccount: FILL.account,
  resourceAccount: OTHER,
});
const LAYERS = `prod-${FILL.region}-starport-layer-bucket`;

export const PROBES: readonly Probe[] = [
  {
    what: 'TLS to an allowed name',
    packet: {
      ...tls,
      name: 'app.terraform.io',
      serverName: 'app.terraform.io',
      aliases: ['d111111abcdef8.cloudfront.net'],
    },
  },
  { what: 'TLS to another name', packet: { ...tls, name: 'evil.example.net', serverName: 'evil.example.net' } },
  { what: 'TLS to an address, with its own server name', packet: { ...tls, serverName: 'evil.example.net' } },
  { what: 'TLS to an address, without a server name', packet: { ...tls, serverName: null } },
  { what: 'TLS to an address, with a forged server name', packet: { ...tls, serverName: 'app.terraform.io' } },
  { what: 'anything but TLS on port 443, to an address', packet: { ...tls } },
  { what: 'another TCP port (80, 22, …), to an address', packet: { ...tls, port: 80 } },
  { what: 'UDP (QUIC), to an address', packet: { ...tls, protocol: 'udp' } },
  { what: 'another DNS resolver', packet: { ...tls, protocol: 'udp', port: 53 } },
  { what: 'TLS over IPv6, to an address', packet: { ...tls, family: 6, serverName: 'evil.example.net' } },
  {
    what: 'image layers in ECR (S3)',
    packet: {
      ...tls,
      to: 's3',
      name: `${LAYERS}.${aws('s3')}`,
      serverName: `${LAYERS}.${aws('s3')}`,
      call: inBucket(LAYERS, 's3:GetObject'),
    },
  },
  {
    what: "someone else's bucket in this region, by its IPv4 address",
    packet: { ...tls, to: 's3', serverName: aws('s3'), call: inBucket('a-bucket-of-somebody', 's3:PutObject') },
  },
  { what: 'ECR', packet: api('api.ecr', 'ecr:GetAuthorizationToken') },
  { what: 'CloudWatch Logs', packet: api('logs', 'logs:PutLogEvents') },
  { what: 'Secrets Manager', packet: api('secretsmanager', 'secretsmanager:GetSecretValue') },
  { what: 'CloudWatch Logs, with keys of another account', packet: api('logs', 'logs:PutLogEvents', OTHER) },
  { what: 'another AWS API', packet: { ...tls, name: aws('ec2'), serverName: aws('ec2') } },
  { what: 'another task', packet: { ...tls, to: 'neighbour' } },
];

/** A probe and its result, which is the same from every subnet of the tasks. */
export interface Finding extends Arrival {
  readonly what: string;
}

/** Returns the results of all probes from every subnet of the tasks. @throws if two subnets have different results */
export function findings(model: NetworkModel): Finding[] {
  return PROBES.map(({ what, packet }) => {
    const arrivals = model.tasks.subnets.map((subnet) => follow(model, subnet, packet));
    const [first] = arrivals;
    if (first === undefined) throw new Error('Tasks are in no subnet.');
    if (arrivals.some((arrival) => JSON.stringify(arrival) !== JSON.stringify(first))) {
      throw new Error(`${what} depends on the subnet: ${JSON.stringify(arrivals)}`);
    }
    return { what, ...first };
  });
}

/**
 * Whether the internet can open a connection to a task. The task's addresses, the default routes of its subnets and its
 * security groups decide.
 */
export function entrance(model: NetworkModel): Arrival {
  const subnets = model.tasks.subnets.flatMap((id) => model.subnets.get(id) ?? []);
  const leadsTo = (destination: string, kind: Target['kind']) =>
    subnets.some(({ routes }) =>
      routes.some((route) => route.destination === destination && route.target.kind === kind),
    );
  const hasIpv6 = subnets.some((subnet) => subnet.hasIpv6);
  const hasPublicIpv4 = model.tasks.publicAddress || subnets.some(({ mapsPublicAddresses }) => mapsPublicAddresses);
  const open = [
    ...(hasPublicIpv4 && leadsTo('0.0.0.0/0', 'internet-gateway') ? ['a public IPv4 address'] : []),
    ...(hasIpv6 && leadsTo('::/0', 'internet-gateway') ? ['an IPv6 address'] : []),
  ];
  const closed = [
    ...(hasPublicIpv4 ? [] : ['no public IPv4 address']),
    ...(hasIpv6 && leadsTo('::/0', 'egress-only-gateway') ? ['an IPv6 gateway that blocks inbound connections'] : []),
  ];
  const rule = model.groupRules.find(
    ({ group, direction }) => direction === 'in' && model.tasks.groups.includes(group),
  );
  // Count an inbound rule even if the task has no public address, because a template doesn't show every inbound path.
  if (rule !== undefined)
    return { reached: true, hops: [...open, `security group: ${rule.protocol} from ${rule.peer}`] };
  const group = 'the security group, which has no inbound rule';
  const stoppedBy =
    open.length > 0 ? `only ${group}; the task has ${open.join(' and ')}` : [...closed, group].join('; ');
  return { reached: false, hops: [], stoppedBy };
}
