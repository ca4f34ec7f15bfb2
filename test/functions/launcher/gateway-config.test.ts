import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../functions/launcher/config.ts';
import { ENV } from '../../../functions/launcher/contract.ts';
import { ConfigError } from '../../../functions/launcher/errors.ts';
import type { GatewayEnvironment } from '../../../functions/launcher/gateway-environment.ts';

const FIRST: GatewayEnvironment = {
  name: 'launcher/gateway-1',
  launchTemplateId: 'lt-0a1b2c',
  launchTemplateVersion: '4',
  networkInterfaceId: 'eni-0a1b2c',
  config: '4f2a',
  fixedAddress: false,
};
const SECOND: GatewayEnvironment = { ...FIRST, name: 'launcher/gateway-2', networkInterfaceId: 'eni-3d4e5f' };

const environment = {
  [ENV.hostname]: 'app.terraform.io',
  [ENV.organization]: 'acme',
  [ENV.apiTokenSecret]: 'acme/api-token',
  [ENV.agentPools]: JSON.stringify([{ name: 'main', maxAgents: 5, lanes: [{ taskDefinition: 'main' }] }]),
  [ENV.cluster]: 'launcher',
  [ENV.subnets]: 'subnet-a',
  [ENV.securityGroups]: 'sg-a',
};
const gatewaysIn = (more: Record<string, string>) => parseConfig({ ...environment, ...more }).tick.gateways;
const given = (gateways: unknown) => ({ [ENV.gateways]: JSON.stringify(gateways) });

function faultsOf(more: Record<string, string>) {
  try {
    gatewaysIn(more);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  throw new Error('no fault was found');
}

describe('the gateways in the environment', () => {
  it('are absent in other egress modes', () => {
    expect(gatewaysIn({})).toBeUndefined();
  });

  it('have defaults for their rules', () => {
    const rules = { idleMs: 600_000, start: 'before-tasks', maxAgeMs: 2_592_000_000 };
    expect(gatewaysIn(given([FIRST]))).toEqual({ all: [FIRST], rules });
  });

  it('have the given rules, in milliseconds', () => {
    const rules = {
      [ENV.gatewayIdleMinutes]: '1440',
      [ENV.gatewayStart]: 'with-tasks',
      [ENV.gatewayMaxAgeDays]: '1',
    };
    expect(gatewaysIn({ ...given([FIRST, SECOND]), ...rules })).toEqual({
      all: [FIRST, SECOND],
      rules: { idleMs: 86_400_000, start: 'with-tasks', maxAgeMs: 86_400_000 },
    });
  });

  it.each([
    ['none', []],
    ['one without its network interface', [{ ...FIRST, networkInterfaceId: undefined }]],
    ['a template id of something else', [{ ...FIRST, launchTemplateId: 'eni-1' }]],
    ['a template version that moves', [{ ...FIRST, launchTemplateVersion: '$Latest' }]],
    ['a network interface of something else', [{ ...FIRST, networkInterfaceId: 'i-1' }]],
    ['an empty hash', [{ ...FIRST, config: '' }]],
    ['a name with a space', [{ ...FIRST, name: 'my gateway' }]],
    ['a member that nobody knows', [{ ...FIRST, zone: 'a' }]],
    ['two with the same name', [FIRST, { ...SECOND, name: FIRST.name }]],
    ['two with the same network interface', [FIRST, { ...SECOND, networkInterfaceId: FIRST.networkInterfaceId }]],
  ])('can’t be: %s', (_, gateways) => {
    expect(faultsOf(given(gateways))).toMatchObject([
      { name: ENV.gateways, allowed: expect.stringMatching(/JSON list of gateways.*"networkInterfaceId"/) },
    ]);
  });

  it('say what is wrong with two of the same name, and with text that is not JSON', () => {
    expect(faultsOf(given([FIRST, FIRST]))[0]?.given).toContain('two gateways with the same name');
    expect(faultsOf({ [ENV.gateways]: '[' })[0]?.given).toBe('1 characters (not JSON)');
  });

  it.each([
    [ENV.gatewayIdleMinutes, ['4', '1441', '7.5', ''], 'an integer from 5 to 1440'],
    [ENV.gatewayStart, ['after-tasks', ''], 'before-tasks or with-tasks'],
    [ENV.gatewayMaxAgeDays, ['0', '366', ''], 'an integer from 1 to 365'],
  ])('%s is refused with what is allowed', (name, values, allowed) => {
    for (const value of values) {
      expect(faultsOf({ ...given([FIRST]), [name]: value })).toMatchObject([{ name, allowed }]);
    }
  });
});
