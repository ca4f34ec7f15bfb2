/** Every egress mode with the options that change its resources, for checks with AWS's and CloudFormation's rules. */
import { EXISTING_VPC as existing } from './synthesis.ts';

const securityGroupIds = ['sg-0123456789abcdef0', 'sg-0123456789abcdef1'];
const hostname = 'tfe.acme.example:8443';

/** Settings in addition to the minimal ones. */
export const VALIDATED: readonly {
  readonly hostname?: string;
  readonly agentImage?: object;
  readonly network?: object;
  readonly idlePollSeconds?: number;
  readonly nudge?: object;
}[] = [
  {},
  { agentImage: { registry: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/agents:7' } },
  { agentImage: { registry: 'hashicorp/tfc-agent:1.33.0', credentialsSecret: 'docker-hub' } },
  { agentImage: { registry: 'hashicorp/tfc-agent:1.33.0', copy: false } },
  {
    network: {
      natGateways: 'all',
      vpcEndpoints: 'task-start',
      ipv6: true,
      flowLogRetentionDays: 7,
      dnsQueryLogRetentionDays: 7,
    },
  },
  { network: { dnsFirewall: false } },
  { network: { guardDuty: true, vpcEndpoints: 'task-start' } },
  { network: { guardDuty: true, egress: 'network-firewall' } },
  { idlePollSeconds: 10 },
  { hostname },
  { nudge: { hmacKeySecret: 'acme/nudge-key' } },
  { network: { egress: 'network-firewall' } },
  {
    network: {
      egress: 'network-firewall',
      natGateways: 'all',
      vpcEndpoints: 'task-start',
      firewallLogRetentionDays: 7,
      allowedDomains: ['*.example.com', 'acme-modules.s3.eu-central-1.amazonaws.com'],
      allowedPresets: ['hcp-terraform', 'github-releases', 'aws-apis'],
      awsApiServices: ['s3', 'sts'],
    },
  },
  { hostname, network: { egress: 'network-firewall' } },
  { network: { egress: 'public-ip', ipv6: true } },
  { hostname, network: { egress: 'public-ip', dnsFirewall: false } },
  { network: existing },
  { network: { ...existing, dnsFirewall: true } },
  { network: { ...existing, dnsFirewall: true, guardDuty: true } },
  { network: { ...existing, securityGroupIds } },
  { hostname, network: { ...existing, securityGroupIds, dnsFirewall: true } },
  { hostname, network: existing },
];
