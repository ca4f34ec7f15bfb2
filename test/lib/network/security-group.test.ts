import { Template } from 'aws-cdk-lib/assertions';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { expect, it } from 'vitest';
import { type TaskSecurityGroupProps, taskSecurityGroup } from '../../../lib/network/security-group.ts';
import { emptyStack } from '../synthesis.ts';

/** Returns the properties of the only security group of a stack. */
function groupIn(props: Omit<TaskSecurityGroupProps, 'vpc'> = {}) {
  const stack = emptyStack();
  const vpc = Vpc.fromVpcAttributes(stack, 'Vpc', { vpcId: 'vpc-1', availabilityZones: ['unknown'] });
  taskSecurityGroup(stack, { vpc, ...props });
  const template = Template.fromStack(stack);
  // If a rule were a separate resource, the group would allow all outbound traffic until that resource exists.
  for (const type of ['SecurityGroupEgress', 'SecurityGroupIngress']) template.resourceCountIs(`AWS::EC2::${type}`, 0);
  const [group, ...more] = Object.values(template.findResources('AWS::EC2::SecurityGroup'));
  expect(more).toEqual([]);
  return group?.['Properties'];
}

const out = (port: number, to: object = { CidrIp: '0.0.0.0/0' }) => ({
  ...to,
  IpProtocol: 'tcp',
  FromPort: port,
  ToPort: port,
  Description: expect.stringMatching(/\w/),
});

it('the security group allows no inbound traffic, and outbound TCP 443 to any IPv4 address', () => {
  expect(groupIn()).toEqual({
    VpcId: 'vpc-1',
    // CloudFormation replaces a group if its description changes, and can't delete a group that is in use.
    GroupDescription: 'Agents: nothing in, HTTPS out',
    SecurityGroupEgress: [out(443)],
  });
});

it('the security group opens each port once, including 443', () => {
  expect(groupIn({ extraPorts: [8443, 443, 8443] }).SecurityGroupEgress).toEqual([out(443), out(8443)]);
});

it('the security group opens the same ports for IPv6 only if IPv6 is on', () => {
  const six = { CidrIpv6: '::/0' };
  expect(groupIn({ extraPorts: [8443], ipv6: true }).SecurityGroupEgress).toEqual([
    out(443),
    out(443, six),
    out(8443),
    out(8443, six),
  ]);
  expect(groupIn({ ipv6: false }).SecurityGroupEgress).toEqual([out(443)]);
});

it('the security group opens each proxy’s port to its address, or to any address if the address is unknown', () => {
  const proxies = [
    { address: '10.0.0.5/32', port: 3128 },
    { address: '2001:db8::5/128', port: 3129 },
    { address: undefined, port: 3130 },
    // Already open to any address.
    { address: '10.0.0.6/32', port: 443 },
  ];
  const description = { Description: 'Proxy of the agents' };
  expect(groupIn({ proxies }).SecurityGroupEgress).toEqual([
    out(443),
    { ...out(3128, { CidrIp: '10.0.0.5/32' }), ...description },
    { ...out(3129, { CidrIpv6: '2001:db8::5/128' }), ...description },
    { ...out(3130), ...description },
  ]);
});
