/** CloudFormation's own rules over every way out, in one synthesis: they take seconds to load. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { parseSettings } from '../../lib/settings.ts';
import { LEAST, testApp } from './synthesis.ts';

const before = process.env['CDK_VALIDATION'];
beforeAll(() => {
  process.env['CDK_VALIDATION'] = 'true';
});
afterAll(() => {
  process.env['CDK_VALIDATION'] = before;
});

const existing = { egress: 'existing-vpc', vpcId: 'vpc-0123456789abcdef0', subnetIds: ['subnet-0123456789abcdef0'] };
const networks = [
  {},
  { natGateways: 'all', vpcEndpoints: 'task-start', ipv6: true, flowLogRetentionDays: 7, dnsQueryLogRetentionDays: 7 },
  { dnsFirewall: false },
  { egress: 'network-firewall' },
  {
    egress: 'network-firewall',
    natGateways: 'all',
    vpcEndpoints: 'task-start',
    firewallLogRetentionDays: 7,
    allowedDomains: ['*.example.com'],
    allowedPresets: ['hcp-terraform', 'github-releases', 'aws-apis'],
    awsApiServices: ['s3', 'sts'],
  },
  { egress: 'public-ip', ipv6: true },
  { ...existing, dnsFirewall: true },
];

it('no way out has a finding', () => {
  const app = testApp();
  app.node.setContext('@aws-cdk/core:validateAgainstDefaultRules', true);
  for (const [index, network] of networks.entries()) {
    const settings = parseSettings({ agentLauncher: { ...LEAST, stackName: `Way${index}`, network } });
    new AgentLauncherStack(app, settings.stackName, { settings });
  }
  const { directory } = app.synth();
  const report = JSON.parse(readFileSync(join(directory, 'validation-report.json'), 'utf8'));
  expect(report).toMatchObject({ pluginReports: [] });
});
