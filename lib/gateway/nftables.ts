/** The packet rules of a gateway: tasks reach the filter and nothing else, and the filter reaches the internet and nothing private. */
import { VPC_RESOLVER } from './nginx.ts';

/**
 * Ranges that the filter never connects to: private, shared, link-local (with the instance metadata), loopback, reserved and multicast addresses. So
 * a name that resolves to one of them doesn't lead into the VPC. https://www.iana.org/assignments/iana-ipv4-special-registry
 */
export const PRIVATE_RANGES = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
] as const;

/** How every line about a refused packet begins in the kernel's log. */
export const REFUSED_PACKET = 'agent-launcher refused: ';

export interface PacketRulesOptions {
  /** Address ranges of the tasks' subnets. */
  readonly taskRanges: readonly string[];
  /** Address range of the VPC, which doesn't have to be private. */
  readonly vpcRange: string;
  /** Port of HCP Terraform's or Terraform Enterprise's host. */
  readonly port: number;
}

/**
 * The rules, for `nft -f`.
 *
 * The kernel forwards no packet. A task's connection to port 443 of any address ends in the filter, which opens its own connection. At most ten
 * lines per second are logged, so that a job can't fill the disk.
 */
export function packetRules({ taskRanges, vpcRange, port }: PacketRulesOptions): string {
  const ports = [...new Set([443, port])].join(', ');
  const tasks = `ip saddr { ${taskRanges.join(', ')} }`;
  const log = `limit rate 10/second log prefix "${REFUSED_PACKET}"`;
  return `# Written by agent-launcher.
table inet gateway
delete table inet gateway
table inet gateway {
  set private {
    type ipv4_addr
    flags interval
    auto-merge
    elements = { ${[...PRIVATE_RANGES, vpcRange].join(', ')} }
  }
  # Tasks send TCP to these ports and nothing else: no QUIC, no DNS of other servers, no ICMP, no IPv6.
  chain tasks {
    type filter hook prerouting priority mangle
    ${tasks} tcp dport { ${ports} } accept
    ${tasks} ${log}
    ${tasks} drop
  }
  chain redirect_to_filter {
    type nat hook prerouting priority dstnat
    ${tasks} tcp dport { ${ports} } redirect
  }
  chain input {
    type filter hook input priority filter; policy drop
    iif "lo" accept
    ct state established,related accept
    ${tasks} tcp dport { ${ports} } accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop
  }
  chain output {
    type filter hook output priority filter; policy accept
    meta nfproto ipv6 oif != "lo" drop
    meta skuid != "nginx" accept
    ct state established,related accept
    ip daddr ${VPC_RESOLVER} udp dport 53 accept
    ip daddr ${VPC_RESOLVER} tcp dport 53 accept
    ip daddr @private ${log}
    ip daddr @private reject with icmp type admin-prohibited
    tcp dport { ${ports} } accept
    ${log}
    reject with icmp type admin-prohibited
  }
}
`;
}
