/** Existing Elastic IPs for the NAT gateways. */

import { Template } from 'aws-cdk-lib/assertions';
import { CfnEIP } from 'aws-cdk-lib/aws-ec2';
import { describe, expect, it } from 'vitest';
import { EgressNetwork } from '../../../lib/egress-network.ts';
import { deletedIn, replacedIn } from '../replacements.ts';
import { faultsOf, pathsOf } from '../settings-faults.ts';
import { emptyStack, propertiesOf, REGISTRY_IMAGE, resourcesById, templateOf } from '../synthesis.ts';

const [ONE, TWO] = ['eipalloc-0123456789abcdef0', 'eipalloc-0123456789abcdef1'];
const networkOf = (network: object) => templateOf({ ...REGISTRY_IMAGE, network });
const gatewaysOf = (template: Template) =>
  propertiesOf(template, 'AWS::EC2::NatGateway').map(({ AllocationId }) => AllocationId);

describe('existing Elastic IPs', () => {
  it.each([
    [{ elasticIpAllocationIds: [ONE] }, [ONE]],
    [{ natGateways: 'all', elasticIpAllocationIds: [ONE, TWO] }, [ONE, TWO]],
    [{ egress: 'network-firewall', elasticIpAllocationIds: [ONE] }, [ONE]],
    [{ egress: 'network-firewall', natGateways: 'all', elasticIpAllocationIds: [ONE, TWO] }, [ONE, TWO]],
  ])('are the addresses of the NAT gateways, and the stack creates none: %j', (network, ids) => {
    const template = networkOf(network);
    expect(gatewaysOf(template)).toEqual(ids);
    template.resourceCountIs('AWS::EC2::EIP', 0);
    const outputs = template.findOutputs('*');
    expect(outputs['EgressAllocationIds']?.['Value']).toBe(ids.join(', '));
    expect(outputs['EgressAllocationIds']?.['Description']).toContain(`--allocation-ids ${ids.join(' ')} `);
    expect(outputs).not.toHaveProperty('EgressAddresses');
  });

  it.each([{}, { natGateways: 'all' }, { egress: 'network-firewall' }])(
    'do not change the idle cost: %j',
    (network) => {
      const ids = 'natGateways' in network ? [ONE, TWO] : [ONE];
      const costOf = (template: Template) => template.findOutputs('EgressIdleCost')['EgressIdleCost']?.['Value'];
      expect(costOf(networkOf({ ...network, elasticIpAllocationIds: ids }))).toBe(costOf(networkOf(network)));
    },
  );

  it('are as many as the NAT gateways', () => {
    for (const network of [
      { natGateways: 'all', elasticIpAllocationIds: [ONE] },
      { elasticIpAllocationIds: [ONE, TWO] },
      { egress: 'network-firewall', elasticIpAllocationIds: [ONE, TWO] },
    ]) {
      expect(pathsOf(faultsOf({ network }))).toEqual(['network.elasticIpAllocationIds']);
    }
  });

  it.each([
    [{ elasticIpAllocationIds: ['203.0.113.1'] }, 'network.elasticIpAllocationIds.0'],
    [{ natGateways: 'all', elasticIpAllocationIds: [ONE, ONE] }, 'network.elasticIpAllocationIds'],
    [{ egress: 'public-ip', elasticIpAllocationIds: [ONE] }, 'network.elasticIpAllocationIds'],
  ])('are refused: %j', (network, path) => {
    expect(pathsOf(faultsOf({ network }))).toEqual([path]);
  });

  it('replace the gateway, the routes through it and the own address, but nothing else', () => {
    const before = resourcesById(networkOf({}));
    const after = resourcesById(networkOf({ elasticIpAllocationIds: [ONE] }));
    const typesOf = (ids: Iterable<string>) => [...ids].map((id) => before[id]?.Type);
    expect(typesOf(replacedIn(before, after))).toEqual(['AWS::EC2::NatGateway']);
    expect(typesOf(deletedIn(before, after))).toEqual(['AWS::EC2::EIP']);
  });

  it('can be resources of the app, in an EgressNetwork', () => {
    const stack = emptyStack();
    const address = new CfnEIP(stack, 'Address', { domain: 'vpc' });
    new EgressNetwork(stack, 'Network', {
      cidr: '10.90.0.0/20',
      elasticIpAllocationIds: [address.attrAllocationId],
    });
    expect(gatewaysOf(Template.fromStack(stack))).toEqual([{ 'Fn::GetAtt': ['Address', 'AllocationId'] }]);
  });
});
