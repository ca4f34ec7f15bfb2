/** What a reviewer asks of a network: can a task reach this, and by which way? */

import type { NetworkModel } from './network-model.ts';
import { FILL } from './template-values.ts';
import { type Arrival, follow, type Packet } from './walk.ts';

export interface Probe {
  readonly what: string;
  readonly packet: Packet;
}

const tls = { protocol: 'tcp', port: 443, to: 'internet', family: 4 } as const;
const aws = (service: string) => `${service}.${FILL.region}.amazonaws.com`;

export const PROBES: readonly Probe[] = [
  { what: 'TLS to an allowed name', packet: { ...tls, name: 'app.terraform.io', serverName: 'app.terraform.io' } },
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
      to: 's3-layers',
      name: `prod-${FILL.region}-starport-layer-bucket.s3.${FILL.region}.amazonaws.com`,
      serverName: `prod-${FILL.region}-starport-layer-bucket.s3.${FILL.region}.amazonaws.com`,
    },
  },
  {
    what: 'a bucket of somebody in this region, by its IPv4 address',
    packet: { ...tls, to: 's3-elsewhere', serverName: aws('s3') },
  },
  { what: 'ECR', packet: { ...tls, name: aws('api.ecr'), serverName: aws('api.ecr') } },
  { what: 'CloudWatch Logs', packet: { ...tls, name: aws('logs'), serverName: aws('logs') } },
  { what: 'Secrets Manager', packet: { ...tls, name: aws('secretsmanager'), serverName: aws('secretsmanager') } },
  { what: 'another AWS API', packet: { ...tls, name: aws('ec2'), serverName: aws('ec2') } },
  { what: 'another task', packet: { ...tls, to: 'neighbour' } },
];

/** A probe and what became of it, the same from every subnet of the tasks. */
export interface Finding extends Arrival {
  readonly what: string;
}

/** Probes from every subnet that tasks are in. @throws when two subnets differ: they are meant to be alike */
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

/** Whether anything outside can open a connection to a task. */
export function entrance(model: NetworkModel): Arrival {
  const rule = model.groupRules.find(
    ({ group, direction }) => direction === 'in' && model.tasks.groups.includes(group),
  );
  if (rule !== undefined) return { reached: true, hops: [`security group: ${rule.protocol} from ${rule.peer}`] };
  const by = model.tasks.publicAddress
    ? 'the security group alone: nothing comes in'
    : 'no public address, and the security group: nothing comes in';
  return { reached: false, hops: [], stoppedBy: by };
}
