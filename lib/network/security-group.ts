import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';

export interface LauncherSecurityGroupProps {
  readonly vpc: ec2.IVpc;
  /** Outbound ports to open in addition to 443, such as the port of a Terraform Enterprise host. */
  readonly extraPorts?: readonly number[];
  /** Proxies. A rule opens each proxy's port to its address, or to every address if only its hostname is known. */
  readonly proxies?: readonly { readonly address: string | undefined; readonly port: number }[];
}

export interface TaskSecurityGroupProps extends LauncherSecurityGroupProps {
  /** Whether outbound IPv6 is also allowed. */
  readonly ipv6?: boolean;
}

/**
 * The agents' security group: no inbound rule; outbound TCP 443 and the extra ports, to any address. It limits ports, not
 * domains. Security groups don't see DNS queries to the VPC's resolver.
 */
export function taskSecurityGroup(scope: Construct, props: TaskSecurityGroupProps): ec2.SecurityGroup {
  const securityGroup = outboundGroup(scope, 'TaskSecurityGroup', 'Agents: nothing in, HTTPS out', props);
  openProxies(securityGroup, props, 'Proxy of the agents');
  return securityGroup;
}

function openProxies(securityGroup: ec2.SecurityGroup, props: LauncherSecurityGroupProps, description: string): void {
  for (const { address, port } of props.proxies ?? []) {
    if (everywhere(props).has(port)) continue;
    const peer = address === undefined ? ec2.Peer.anyIpv4() : rangePeer(address);
    securityGroup.addEgressRule(peer, ec2.Port.tcp(port), description);
  }
}

/**
 * The security group of the launcher's function in a VPC: no inbound rule, and the same outbound ports as the agents' group. It is
 * a separate group, so that an endpoint or a Terraform Enterprise can admit the launcher and refuse agents. The function has no
 * IPv6 address.
 */
export function launcherSecurityGroup(scope: Construct, props: LauncherSecurityGroupProps): ec2.SecurityGroup {
  const securityGroup = outboundGroup(scope, 'LauncherSecurityGroup', 'Launcher: nothing in, HTTPS out', props);
  openProxies(securityGroup, props, 'Proxy of the launcher');
  return securityGroup;
}

/** The ports that are open to every address. */
function everywhere({ extraPorts = [] }: LauncherSecurityGroupProps): Set<number> {
  return new Set([443, ...extraPorts]);
}

function outboundGroup(
  scope: Construct,
  id: string,
  description: string,
  props: LauncherSecurityGroupProps & Pick<TaskSecurityGroupProps, 'ipv6'>,
): ec2.SecurityGroup {
  const securityGroup = new ec2.SecurityGroup(scope, id, { vpc: props.vpc, description, allowAllOutbound: false });
  for (const port of everywhere(props)) {
    // With an address range as the peer, the CDK puts the rule inside the group. A group without such a rule would allow all
    // outbound traffic until its separate rules exist.
    const why = 'HCP Terraform, registries, AWS APIs';
    securityGroup.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(port), why);
    if (props.ipv6 === true) securityGroup.addEgressRule(ec2.Peer.anyIpv6(), ec2.Port.tcp(port), why);
  }
  return securityGroup;
}

function rangePeer(range: string): ec2.IPeer {
  return range.includes(':') ? ec2.Peer.ipv6(range) : ec2.Peer.ipv4(range);
}
