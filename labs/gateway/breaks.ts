/** Deliberate mistakes in the gateway's files, each with attempts that must then have another result. */
import { FILTER_FILES } from '../../lib/gateway/nginx.ts';
import { type Break, RULES, SYSCTL } from './instance.ts';

interface Mistake {
  readonly name: string;
  readonly changes: readonly Break[];
  /** Names of attempts. */
  readonly shows: readonly string[];
}

const inConfig = (from: Break['from'], to: string): Break => ({ file: FILTER_FILES.config, from, to });
const inRules = (from: Break['from'], to: string): Break => ({ file: RULES, from, to });
const inNames = (from: Break['from'], to: string): Break => ({ file: FILTER_FILES.names, from, to });
const privateName = (name: string) => `an allowed name of a private address: ${name}.inside.example.org`;

/** The gateway is an ordinary router, as a NAT gateway is. */
export const FORWARDING: readonly Break[] = [
  inRules(/[\s\S]*/, 'table inet gateway {}\n'),
  { file: SYSCTL, from: 'ip_forward = 0', to: 'ip_forward = 1' },
];

export const BREAKS: readonly Mistake[] = [
  {
    name: 'the filter connects to private addresses',
    changes: [inRules('ip daddr @private reject with icmp type admin-prohibited', '')],
    shows: ['neighbour', 'metadata', 'shared'].map(privateName),
  },
  {
    name: 'the VPC is missing in the private ranges',
    changes: [inRules(/10\.0\.0\.0\/8, |, 10\.90\.0\.0\/20/, '')],
    shows: [privateName('neighbour')],
  },
  {
    name: 'a name that is not in the list is forwarded',
    changes: [
      inConfig(`${FILTER_FILES.names};\n    default ""`, `${FILTER_FILES.names};\n    default $server_name_read`),
    ],
    shows: ['another name', 'prefix trick: without a dot', 'the domain above an allowed name'],
  },
  {
    name: 'a wildcard includes the domain itself',
    changes: [inNames('*.modules.example.com', '.modules.example.com')],
    shows: ['the domain of a wildcard itself'],
  },
  {
    name: 'an allowed name is a wildcard',
    changes: [inNames('app.terraform.io app.terraform.io', '.app.terraform.io $server_name_read')],
    shows: ['a sub-domain of an allowed name'],
  },
  {
    name: 'a hello without a name is forwarded to a fixed host',
    changes: [inConfig('default "";\n  }\n  map $status', 'default 198.51.100.66:443;\n  }\n  map $status')],
    shows: ['no server name, to an address', 'SSH on port 443', 'another name'],
  },
  {
    name: 'the gateway forwards packets',
    changes: FORWARDING,
    shows: ['UDP 443 (QUIC)', 'TCP 22', 'plain HTTP, allowed Host', 'ping', 'another name'],
  },
  {
    name: 'nothing leads to the filter',
    changes: [inRules('} redirect', '} counter')],
    shows: ['an allowed name', 'a name below a wildcard'],
  },
];
