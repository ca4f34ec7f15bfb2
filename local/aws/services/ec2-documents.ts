/** How EC2 shows instances and network interfaces, with the names on the wire. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html */
import { INSTANCE_STATES, type Instance, type InstanceState, type NetworkInterface } from '../core/ec2/instance.ts';
import type { Place } from '../core/place.ts';

export function stateDocument(state: InstanceState): object {
  return { code: INSTANCE_STATES[state], name: state };
}

export function instanceDocument(instance: Instance, place: Place): object {
  const { id, template, networkInterface, stateReason, publicAddress } = instance;
  return {
    instanceId: id,
    imageId: instance.imageId,
    instanceState: stateDocument(instance.state),
    privateDnsName: networkInterface === undefined ? '' : privateName(networkInterface, place),
    dnsName: publicAddress === undefined ? '' : publicName(publicAddress, place),
    reason: instance.transitionReason,
    amiLaunchIndex: 0,
    instanceType: template.instanceType,
    launchTime: inSeconds(instance.launchedAt),
    placement: { availabilityZone: networkInterface?.availabilityZone, groupName: '', tenancy: 'default' },
    monitoring: { state: 'disabled' },
    subnetId: networkInterface?.subnetId,
    vpcId: networkInterface?.vpcId,
    privateIpAddress: networkInterface?.privateAddress,
    ipAddress: publicAddress,
    architecture: /^[a-z]+\d+[a-z]*g[a-z]*\./.test(template.instanceType) ? 'arm64' : 'x86_64',
    rootDeviceType: 'ebs',
    rootDeviceName: '/dev/xvda',
    blockDeviceMapping: [],
    virtualizationType: 'hvm',
    clientToken: instance.clientToken,
    tagSet: Object.entries(instance.tags).map(([key, value]) => ({ key, value })),
    hypervisor: 'xen',
    networkInterfaceSet:
      networkInterface === undefined
        ? []
        : [
            {
              ...commonDocument(networkInterface, place),
              sourceDestCheck: false,
              status: 'in-use',
              attachment: { ...attachment(instance), status: 'attached' },
              association: association(publicAddress, networkInterface, place),
            },
          ],
    ebsOptimized: false,
    stateReason,
  };
}

/** @param isChecked whether the status checks have had a result since the start */
export function statusDocument(instance: Instance, isChecked: boolean): object {
  const { id, state, networkInterface, impairedSince } = instance;
  const summary =
    state !== 'running'
      ? { status: 'not-applicable' }
      : impairedSince !== undefined
        ? {
            status: 'impaired',
            details: [{ name: 'reachability', status: 'failed', impairedSince: inSeconds(impairedSince) }],
          }
        : isChecked
          ? { status: 'ok', details: [{ name: 'reachability', status: 'passed' }] }
          : { status: 'initializing', details: [{ name: 'reachability', status: 'initializing' }] };
  return {
    instanceId: id,
    availabilityZone: networkInterface?.availabilityZone,
    instanceState: stateDocument(state),
    systemStatus: { ...summary, ...(impairedSince !== undefined && { status: 'ok', details: [] }) },
    instanceStatus: summary,
  };
}

/** @param instance the one that has the interface */
export function interfaceDocument(
  networkInterface: NetworkInterface,
  instance: Instance | undefined,
  place: Place,
): object {
  const address = instance?.publicAddress ?? networkInterface.elasticAddress;
  return {
    ...commonDocument(networkInterface, place),
    availabilityZone: networkInterface.availabilityZone,
    interfaceType: 'interface',
    requesterManaged: false,
    sourceDestCheck: false,
    status: instance === undefined ? 'available' : 'in-use',
    attachment: instance && { ...attachment(instance), instanceId: instance.id, instanceOwnerId: place.accountId },
    association: association(address, networkInterface, place),
    tagSet: [],
  };
}

function commonDocument(networkInterface: NetworkInterface, place: Place) {
  return {
    networkInterfaceId: networkInterface.id,
    subnetId: networkInterface.subnetId,
    vpcId: networkInterface.vpcId,
    ownerId: place.accountId,
    description: '',
    privateIpAddress: networkInterface.privateAddress,
    privateDnsName: privateName(networkInterface, place),
  };
}

/** An interface that exists before its instance is not deleted with it. */
function attachment({ id, createdAt }: Instance): object {
  return {
    attachmentId: `eni-attach-${id.slice(2)}`,
    deviceIndex: 0,
    networkCardIndex: 0,
    attachTime: inSeconds(createdAt),
    deleteOnTermination: false,
  };
}

function association(
  address: string | undefined,
  { elasticAddress }: NetworkInterface,
  place: Place,
): object | undefined {
  if (address === undefined) return undefined;
  const ipOwnerId = elasticAddress === undefined ? 'amazon' : place.accountId;
  return { publicIp: address, publicDnsName: publicName(address, place), ipOwnerId };
}

function privateName({ privateAddress }: NetworkInterface, { region }: Place): string {
  return `ip-${privateAddress.replaceAll('.', '-')}.${region}.compute.internal`;
}

function publicName(address: string, { region }: Place): string {
  return `ec2-${address.replaceAll('.', '-')}.${region}.compute.amazonaws.com`;
}

/** EC2 shows times without milliseconds. */
function inSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}
