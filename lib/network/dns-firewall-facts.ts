/**
 * Constants of DNS Firewall. They have their own file because the settings and the network check use them without loading the
 * CDK.
 */

/**
 * Priority of this stack's rule group in the VPC. Groups are evaluated in the order of their priorities; AWS reserves 100 and
 * below. The priority is fixed, so the deployment fails if another group of the VPC has it.
 */
export const ASSOCIATION_PRIORITY = 101;

/**
 * Maximum number of domains that one request to Route 53 Resolver accepts. A list can be longer, but it is unverified whether
 * CloudFormation splits it into several requests. Network Firewall accepts more: 30,000 rules and 2,000,000 bytes.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_UpdateFirewallDomains.html
 * https://docs.aws.amazon.com/network-firewall/latest/developerguide/quotas.html
 */
export const MAX_DOMAINS = 1_000;
