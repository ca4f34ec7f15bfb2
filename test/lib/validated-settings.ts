/** Every egress mode with the options that change its resources, for checks with AWS's and CloudFormation's rules. */
import { EXISTING_VPC as existing, LEAST } from './synthesis.ts';

const securityGroupIds = ['sg-0123456789abcdef0', 'sg-0123456789abcdef1'];
/** A boundary of the account that the stack is deployed to. CloudFormation replaces the parameters. */
const ACCOUNTS_BOUNDARY = ['arn:', '{AWS::Partition}:iam::', '{AWS::AccountId}:policy/acme'].join('$');
const taskRoleArn = 'arn:aws:iam::123456789012:role/terraform/agents';
const elasticIpAllocationIds = ['eipalloc-0123456789abcdef0', 'eipalloc-0123456789abcdef1'];
const hostname = 'tfe.acme.example:8443';
const logins = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/logins-AbCdEf';
const keyArn = 'arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef';

/** Settings in addition to the minimal ones. */
export const VALIDATED: readonly {
  readonly hostname?: string;
  readonly agentImage?: object;
  readonly network?: object;
  readonly idlePollSeconds?: number;
  readonly nudge?: object;
  readonly caCertificates?: object;
  readonly launcher?: object;
  readonly alarmEmail?: string;
  readonly alarmTopicArn?: string;
  readonly agentTokenRotation?: object;
  readonly oldestTaskHours?: number;
  readonly encryption?: object;
  readonly logs?: object;
  readonly roles?: object;
  readonly pools?: readonly object[];
  readonly apiTokenExpiryDays?: number;
}[] = [
  {},
  { agentImage: { registry: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/agents:7' } },
  { agentImage: { registry: 'hashicorp/tfc-agent:1.33.0', credentialsSecret: 'docker-hub' } },
  { agentImage: { registry: 'hashicorp/tfc-agent:1.33.0', copy: false } },
  { agentImage: { registry: 'registry.acme.example/agent:1', credentialsSecret: 'acme/login' } },
  {
    network: {
      natGateways: 'all',
      vpcEndpoints: 'task-start',
      ipv6: true,
      flowLogRetentionDays: 7,
      dnsQueryLogRetentionDays: 7,
    },
  },
  { network: { natGateways: 'all', elasticIpAllocationIds } },
  { network: { egress: 'network-firewall', elasticIpAllocationIds: elasticIpAllocationIds.slice(0, 1) } },
  { network: { dnsFirewall: false } },
  { network: { guardDuty: true, vpcEndpoints: 'task-start' } },
  { network: { guardDuty: true, egress: 'network-firewall' } },
  { idlePollSeconds: 10 },
  { oldestTaskHours: 96 },
  {
    roles: { namePrefix: 'acme-', path: '/terraform/agents/', permissionsBoundary: 'boundaries/acme' },
    network: { flowLogRetentionDays: 7 },
    nudge: { hmacKeySecret: 'acme/nudge-key' },
  },
  { roles: { permissionsBoundary: ACCOUNTS_BOUNDARY }, pools: [{ ...LEAST.pools[0], taskRoleArn }] },
  { pools: [{ ...LEAST.pools[0], phases: { plan: { taskRoleArn } } }] },
  { oldestTaskHours: 96, apiTokenExpiryDays: 30 },
  { hostname },
  { launcher: { architecture: 'x86_64' } },
  {
    launcher: {
      codeSigningConfigArn: 'arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0123456789abcdef0',
    },
  },
  { alarmEmail: 'ops@acme.example', nudge: { hmacKeySecret: 'acme/nudge-key' } },
  { alarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:alarms' },
  { launcher: { vpc: true } },
  { launcher: { vpc: true }, nudge: { hmacKeySecret: 'acme/nudge-key' }, network: { egress: 'network-firewall' } },
  { launcher: { vpc: true }, idlePollSeconds: 10, network: { vpcEndpoints: 'task-start' } },
  { hostname, launcher: { vpc: true }, network: { ...existing, dnsFirewall: true } },
  {
    launcher: { vpc: true },
    network: {
      ...existing,
      securityGroupIds,
      launcherSubnetIds: ['subnet-11111111'],
      launcherSecurityGroupIds: ['sg-11111111'],
    },
  },
  { caCertificates: { secret: 'acme/ca' }, nudge: { hmacKeySecret: 'acme/nudge-key' } },
  { launcher: { httpsProxy: 'http://proxy.corp.example:3128', httpsProxyCredentialsSecret: 'acme/proxy' } },
  { nudge: { hmacKeySecret: 'acme/nudge-key' } },
  { agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation-api-token' } },
  {
    agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation-api-token' },
    pools: [
      {
        name: 'default',
        agentTokenSecret: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/tokens-AbCdEf:agent',
      },
    ],
  },
  { agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation-api-token' }, launcher: { vpc: true } },
  {
    encryption: { keyArn },
    nudge: { hmacKeySecret: 'acme/nudge-key' },
    network: { flowLogRetentionDays: 7, dnsQueryLogRetentionDays: 7 },
    logs: { onDelete: 'retain', exportTo: 'arn:aws:logs:eu-central-1:210987654321:destination:central' },
  },
  {
    encryption: { secretsKeyArn: keyArn, logsKeyArn: keyArn, ephemeralStorageKeyArn: keyArn },
    agentImage: { registry: 'hashicorp/tfc-agent:1.33.0', credentialsSecret: 'docker-hub' },
    network: { egress: 'network-firewall' },
    logs: {
      exportTo: 'arn:aws:kinesis:eu-central-1:123456789012:stream/logs',
      exportRoleArn: 'arn:aws:iam::123456789012:role/log-export',
    },
  },
  {
    agentImage: { copy: true, source: 'release' },
    encryption: { imagesKeyArn: keyArn },
    agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation:token' },
    launcher: { httpsProxy: 'http://proxy.corp.example:3128', httpsProxyCredentialsSecret: `${logins}:proxy` },
    pools: [
      { name: 'default', agentTokenSecret: 'acme/agent-token' },
      { name: 'arm', agentTokenSecret: 'acme/arm-token', architecture: 'arm64' },
      { name: 'copied', agentTokenSecret: 'acme/copied-token', image: 'ghcr.io/acme/agent:1' },
    ],
  },
  {
    agentImage: { registry: 'registry.acme.example/agent:1.33.0', copy: true, credentialsSecret: `${logins}:registry` },
    encryption: { keyArn },
  },
  { network: { egress: 'network-firewall' } },
  { network: { egress: 'on-demand' } },
  {
    hostname,
    network: {
      egress: 'on-demand',
      gateways: 'all',
      gatewayInstanceType: 't3.micro',
      fixedAddress: true,
      gatewaySessionManager: true,
      gatewayLogRetentionDays: 7,
      vpcEndpoints: 'task-start',
      flowLogRetentionDays: 7,
      dnsQueryLogRetentionDays: 7,
      guardDuty: true,
    },
  },
  {
    encryption: { keyArn },
    launcher: { architecture: 'x86_64' },
    network: { egress: 'on-demand', gatewayStart: 'with-tasks', gatewayInstanceType: 'c7gn.medium' },
  },
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
