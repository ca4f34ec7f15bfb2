import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';

export interface TaskSecurityGroupProps {
  readonly vpc: ec2.IVpc;
  /** Outbound ports to open in addition to 443, such as the port of a Terraform Enterprise host. */
  readonly extraPorts?: readonly number[];
  /** Proxies of the agents. A rule opens each proxy's port to its address, or to every address if only its hostname is known. */
  readonly proxies?: readonly { readonly address: string | undefined; readonly port: number }[];
  /** Whether outbound IPv6 is also allowed. */
  readonly ipv6?: boolean;
}

/**
 * The agents' security group: no inbound rule; outbound TCP 443 and the extra ports, to any address. It limits ports, not
 * domains. Security groups don't see DNS queries to the VPC's resolver.
 */
export function taskSecurityGroup(scope: Construct, props: TaskSecurityGroupProps): ec2.SecurityGroup {
  const securityGroup = new ec2.SecurityGroup(scope, 'TaskSecurityGroup', {
    vpc: props.vpc,
    description: 'Agents: nothing in, HTTPS out',
    allowAllOutbound: false,
  });
  const everywhere = new Set([443, ...(props.extraPorts ?? [])]);
  for (const port of everywhere) {
    // With an address range as the peer, the CDK puts the rule inside the group. A group without such a rule would allow all
    // outbound traffic until its separate rules exist.
    const why = 'HCP Terraform, registries, AWS APIs';
    securityGroup.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(port), why);
    if (props.ipv6 === true) securityGroup.addEgressRule(ec2.Peer.anyIpv6(), ec2.Port.tcp(port), why);
  }
  for (const { address, port } of props.proxies ?? []) {
    if (everywhere.has(port)) continue;
    const peer = address === undefined ? ec2.Peer.anyIpv4() : rangePeer(address);
    securityGroup.addEgressRule(peer, ec2.Port.tcp(port), 'Proxy of the agents');
  }
  return securityGroup;
}

function rangePeer(range: string): ec2.IPeer {
  return range.includes(':') ? ec2.Peer.ipv6(range) : ec2.Peer.ipv4(range);
}
