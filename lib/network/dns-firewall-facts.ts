/** Constants of DNS Firewall that the settings and the check of an existing VPC need as well, which don't load the CDK. */

/**
 * Priority of this stack's rule group in the VPC. Groups are evaluated in the order of their priorities; AWS reserves 100 and
 * below. The priority is fixed, so the deployment fails if another group of the VPC has it.
 */
export const ASSOCIATION_PRIORITY = 101;

/**
 * Maximum number of domains in a list: what one request of Route 53 Resolver accepts. A list may be longer, but it is unverified
 * whether CloudFormation makes several requests. Network Firewall accepts more: 30,000 rules and 2,000,000 bytes.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_UpdateFirewallDomains.html
 * https://docs.aws.amazon.com/network-firewall/latest/developerguide/quotas.html
 */
export const MAX_DOMAINS = 1_000;
