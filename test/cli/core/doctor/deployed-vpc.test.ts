import { expect, it } from 'vitest';
import { type DeployedVpcParts, deployedVpcNeeds } from '../../../../cli/core/doctor/deployed-vpc.ts';
import { claimOf } from '../../../../lib/network/claims.ts';
import { existingVpcNeeds } from '../../../../lib/network-check/needs.ts';
import { parseSettings } from '../../../../lib/settings/parse.ts';
import { EXISTING_VPC, LEAST } from '../../../lib/synthesis.ts';
import { DENIED } from './builders.ts';

const ECR = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/agents@sha256:1';
const claim = (dnsFirewall = false) => `existing-vpc: ${claimOf({ egress: 'existing-vpc', dnsFirewall })}`;
const parts = (more: Partial<DeployedVpcParts> = {}): DeployedVpcParts => ({
  claim: claim(),
  hostname: 'app.terraform.io',
  subnetIds: EXISTING_VPC.subnetIds,
  agents: 10,
  tasks: [{ value: { image: { reference: ECR }, proxyPorts: [] } }],
  launcher: undefined,
  ...more,
});

it('a deployed stack needs the same of an existing VPC as its settings', () => {
  const pools = [{ ...LEAST.pools[0], environment: { HTTPS_PROXY: 'http://proxy.example.com:3128' }, maxAgents: 10 }];
  const settings = parseSettings({
    agentLauncher: {
      ...LEAST,
      hostname: 'tfe.example.com:8443',
      pools,
      launcher: { vpc: true, httpsProxy: 'http://proxy.example.com:3129' },
      network: { ...EXISTING_VPC, dnsFirewall: true, allowedDomains: ['proxy.example.com'] },
      idlePollSeconds: 10,
    },
  });
  const { vpcId, guardDuty, ...needs } = existingVpcNeeds(settings) ?? {};
  const launcher = { subnetIds: EXISTING_VPC.subnetIds, securityGroupIds: [], wakeUps: true, proxyPorts: [3129] };
  const tasks = [{ value: { image: { reference: ECR }, proxyPorts: [3128] } }];
  expect(deployedVpcNeeds(parts({ claim: claim(true), hostname: 'tfe.example.com:8443', tasks, launcher }))).toEqual(
    needs,
  );
});

it.each([
  ['created its network', `nat-gateway: ${claimOf({ egress: 'nat-gateway' })}`],
  ['does not say who created its network', undefined],
])('a stack that %s needs nothing', (_, given) => {
  expect(deployedVpcNeeds(parts({ claim: given }))).toBeUndefined();
});

it('images of another registry need no endpoint of ECR, and unread task definitions neither', () => {
  const tasks = [{ value: { image: { reference: 'registry.example.com/agent:1' }, proxyPorts: [] } }, DENIED];
  expect(deployedVpcNeeds(parts({ tasks }))?.services).toEqual(['logs', 'secretsmanager']);
});

it('a launcher without a queue calls no SQS', () => {
  const launcher = { subnetIds: ['subnet-1'], securityGroupIds: ['sg-1'], wakeUps: false, proxyPorts: [] };
  expect(deployedVpcNeeds(parts({ launcher }))?.launcher).toEqual({
    subnetIds: ['subnet-1'],
    hasOwnSubnets: true,
    securityGroupIds: ['sg-1'],
    services: ['ecs', 'secretsmanager'],
    proxyPorts: [],
  });
});
