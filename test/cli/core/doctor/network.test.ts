import { describe, expect, it } from 'vitest';
import {
  type AllowList,
  checkAllowLists,
  checkDnsFirewall,
  checkLostSubnets,
  checkVpc,
  type Egress,
  egressOf,
} from '../../../../cli/core/doctor/network.ts';
import { targetOfSettings } from '../../../../cli/core/doctor/target.ts';
import { parseSettings } from '../../../../lib/settings/parse.ts';
import { EXISTING_VPC, LEAST } from '../../../lib/synthesis.ts';
import { DENIED, shown, target } from './builders.ts';

describe('the existing VPC', () => {
  it('has the findings of the network check, and is ok without missing parts', () => {
    const note = { level: 'note', what: 'all subnets are in one zone', remedy: 'add a subnet' } as const;
    const missing = { level: 'missing', what: 'subnet x is public', remedy: 'use private subnets' } as const;
    expect(shown(checkVpc('vpc-1', { value: [note] })).map((text) => text.split(':')[0])).toEqual([
      'note network.vpc',
      'ok network.vpc',
    ]);
    expect(shown(checkVpc('vpc-1', { value: [missing, note] }))[0]).toMatch(
      /^error network\.vpc: Subnet x is public\. .* Use private subnets\.$/,
    );
  });

  it('that can’t be read is a warning', () => {
    expect(checkVpc('vpc-1', DENIED).map(({ severity }) => severity)).toEqual(['warning']);
  });

  it('without any of its subnets is an error', () => {
    expect(shown(checkLostSubnets(['subnet-1', 'subnet-2']))[0]).toMatch(
      /^error network\.vpc: The subnets of the agents don’t exist: subnet-1 and subnet-2\. /,
    );
  });

  it.each([
    [true, 'warning'],
    [false, 'note'],
  ])('whose DNS Firewall can’t be read: with dnsFirewall %s, a %s', (required, severity) => {
    const missing = { failure: { reason: 'The AWS CLI (`aws`) could not be started.', kind: 'failed' } } as const;
    expect(shown(checkDnsFirewall(missing, required))[0]).toMatch(
      new RegExp(`^${severity} network\\.dns-firewall: .*AWS CLI`),
    );
    expect(checkDnsFirewall({ value: {} }, required)).toEqual([]);
  });
});

describe('an IP allowlist', () => {
  const list = (more: Partial<AllowList>): AllowList => ({
    name: 'office',
    scope: 'organization',
    poolIds: [],
    ranges: ['192.0.2.0/24'],
    ...more,
  });
  const fixed: Egress = { kind: 'fixed', addresses: ['203.0.113.7', '192.0.2.9'] };

  it.each<[string, Partial<AllowList>, Egress, string]>([
    ['for the organization', {}, fixed, 'error network.allow-list-launcher'],
    [
      'for the organization, with the launcher in the VPC',
      {},
      { ...fixed, launcherInVpc: true },
      'error network.allow-list-launcher',
    ],
    [
      'for the organization with the addresses, with the launcher in the VPC',
      { ranges: ['192.0.2.0/24', '203.0.113.7/32'] },
      { ...fixed, launcherInVpc: true },
      'ok network.allow-lists',
    ],
    [
      'for the organization with the addresses, with the launcher outside the VPC',
      { ranges: ['192.0.2.0/24', '203.0.113.7/32'] },
      fixed,
      'error network.allow-list-launcher',
    ],
    [
      'for the organization, with the launcher in an existing VPC',
      {},
      { kind: 'unknown', addresses: [], launcherInVpc: true },
      'note network.allow-list-launcher',
    ],
    ['for the organization that allows everything', { ranges: ['0.0.0.0/0'] }, fixed, 'ok network.allow-lists'],
    ['without enabled ranges', { ranges: [] }, fixed, 'ok network.allow-lists'],
    ['for all pools', { scope: 'all_agent_pools' }, fixed, 'error network.allow-list-agents'],
    [
      'for all pools with the addresses',
      { scope: 'all_agent_pools', ranges: ['192.0.2.0/24', '203.0.113.7/32'] },
      fixed,
      'ok network.allow-lists',
    ],
    ['for another pool', { scope: 'selected_agent_pools', poolIds: ['apool-2'] }, fixed, 'ok network.allow-lists'],
    [
      'for this pool',
      { scope: 'selected_agent_pools', poolIds: ['apool-1'] },
      fixed,
      'error network.allow-list-agents',
    ],
    [
      'for all pools, with changing addresses',
      { scope: 'all_agent_pools' },
      { kind: 'changing', addresses: [] },
      'error network.allow-list-agents',
    ],
    [
      'for all pools, with unknown addresses',
      { scope: 'all_agent_pools' },
      { kind: 'unknown', addresses: [] },
      'note network.allow-list-agents',
    ],
  ])('%s is reported as it matters', (_, more, egress, expected) => {
    const found = shown(checkAllowLists('acme', { value: [list(more)] }, ['apool-1'], egress));
    expect(found.map((text) => text.split(':')[0])).toEqual([expected]);
  });

  it('names the addresses that it lacks', () => {
    const found = shown(checkAllowLists('acme', { value: [list({ scope: 'all_agent_pools' })] }, [], fixed));
    expect(found[0]).toContain('doesn’t contain 203.0.113.7, from which agents send.');
    expect(found[0]).toContain('Add 203.0.113.7/32');
  });

  it('names the addresses of a launcher in the VPC that it lacks', () => {
    const found = shown(checkAllowLists('acme', { value: [list({})] }, [], { ...fixed, launcherInVpc: true }));
    expect(found[0]).toContain('doesn’t contain 203.0.113.7, from which the launcher sends.');
    expect(found[0]).toContain('Add 203.0.113.7/32');
  });

  it('that the token can’t see is a note, and one that can’t be read a warning', () => {
    expect(checkAllowLists('acme', { value: undefined }, [], fixed)[0]?.severity).toBe('note');
    expect(checkAllowLists('acme', DENIED, [], fixed)[0]?.severity).toBe('warning');
  });
});

it.each([
  [{ kind: 'own', egress: 'public-ip' }, 'changing'],
  [{ kind: 'own', egress: 'nat-gateway' }, 'unknown'],
  [{ kind: 'deployed', subnetIds: [], securityGroupIds: [], publicAddresses: true, egressAddresses: [] }, 'changing'],
  [
    { kind: 'deployed', subnetIds: [], securityGroupIds: [], publicAddresses: false, egressAddresses: ['192.0.2.1'] },
    'fixed',
  ],
  [{ kind: 'deployed', subnetIds: [], securityGroupIds: [], publicAddresses: false, egressAddresses: [] }, 'unknown'],
] as const)('agents of the network %o send from addresses that are %s', (network, kind) => {
  expect(egressOf(target({ network })).kind).toBe(kind);
});

it('the launcher of the settings sends from the network only with launcher.vpc', () => {
  const networkOf = (settings: object) =>
    egressOf(targetOfSettings(parseSettings({ agentLauncher: { ...LEAST, ...settings } }))).launcherInVpc;
  expect(networkOf({})).toBe(false);
  expect(networkOf({ launcher: { vpc: true } })).toBe(true);
  expect(networkOf({ network: EXISTING_VPC })).toBe(false);
  expect(networkOf({ network: EXISTING_VPC, launcher: { vpc: true } })).toBe(true);
});
