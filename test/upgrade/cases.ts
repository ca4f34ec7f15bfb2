/**
 * The deployments whose upgrade is tested: every egress mode, and every option that adds resources. The settings are those of a
 * user who deployed the last release and changes nothing.
 */
import { EXISTING_VPC, REGISTRY_IMAGE } from '../lib/synthesis.ts';

const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555';

const EVERY_OPTION = {
  idlePollSeconds: 10,
  nudge: { hmacKeySecret: 'acme/nudge-key' },
  pools: [
    { name: 'default', agentTokenSecret: 'acme/agent-token', warmAgents: { agents: 1 } },
    { name: 'apart', agentTokenSecret: 'acme/other-token', phases: { plan: { capacity: 'spot' } }, sweepMinutes: 60 },
  ],
};

/** Deployments that the last release didn't have. They are in the baseline from the next release on. */
export const NEW_CASES: Readonly<Record<string, object>> = {
  'on-demand': { network: { egress: 'on-demand', fixedAddress: true } },
};

export const CASES: Readonly<Record<string, object>> = {
  'nat-gateway': {},
  'nat-gateway with every option': {
    ...EVERY_OPTION,
    ...REGISTRY_IMAGE,
    network: {
      natGateways: 'all',
      vpcEndpoints: 'task-start',
      ipv6: true,
      flowLogRetentionDays: 7,
      dnsQueryLogRetentionDays: 7,
      guardDuty: true,
    },
  },
  // Its part of the first baseline comes from the last commit in which the key wasn't that of the repository too.
  'nat-gateway with a key and a copied image': { ...REGISTRY_IMAGE, encryption: { keyArn: KEY } },
  'network-firewall': { network: { egress: 'network-firewall' } },
  'network-firewall in all zones': {
    network: {
      egress: 'network-firewall',
      natGateways: 'all',
      vpcEndpoints: 'task-start',
      firewallLogRetentionDays: 7,
      allowedDomains: ['*.example.com'],
    },
  },
  'public-ip': { network: { egress: 'public-ip', ipv6: true } },
  'existing-vpc': { network: { ...EXISTING_VPC, dnsFirewall: true } },
  'existing-vpc with its security groups': {
    network: { ...EXISTING_VPC, securityGroupIds: ['sg-0123456789abcdef0'] },
  },
  ...NEW_CASES,
};
