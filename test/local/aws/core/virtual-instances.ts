import type { LaunchTemplate } from '../../../../local/aws/core/ec2/instance.ts';
import { Instances, type InstancesParts } from '../../../../local/aws/core/ec2/instances.ts';
import { MEASURED_TIMES } from '../../../../local/aws/core/ec2/times.ts';
import { VirtualTime } from '../../ecs/core/virtual-ecs.ts';

export const INTERFACE = {
  id: 'eni-1',
  subnetId: 'subnet-1',
  vpcId: 'vpc-1',
  availabilityZone: 'eu-central-1a',
  privateAddress: '10.0.9.4',
};

export const TEMPLATE: LaunchTemplate = {
  id: 'lt-1',
  version: 1,
  imageId: 'ami-1',
  instanceType: 't4g.nano',
  networkInterfaceId: INTERFACE.id,
  tags: { 'agent-launcher:gateway': 'L/gateway-1' },
  disableApiTermination: true,
};

export const RUN = { templateId: TEMPLATE.id, version: '1', clientToken: undefined, tags: {} };

/** Instances in virtual time, with a launch template, its network interface and its image. */
export function virtualInstances(
  parts: Partial<Omit<InstancesParts, 'times'>> & { readonly times?: Partial<InstancesParts['times']> } = {},
  template: Partial<LaunchTemplate> = {},
) {
  const time = new VirtualTime();
  let ids = 0;
  const instances = new Instances({
    scheduler: time,
    hex: (digits) => {
      ids += 1;
      return String(ids).padStart(digits, '0');
    },
    vcpuQuota: () => 32,
    parameter: () => undefined,
    ...parts,
    times: { ...MEASURED_TIMES, ...parts.times },
  });
  instances.interfaces.put(INTERFACE);
  instances.templates.putImage('ami-1');
  instances.templates.put({ ...TEMPLATE, ...template });
  return { time, instances };
}
