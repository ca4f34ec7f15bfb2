/**
 * EC2's errors. The codes are those of https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html, which describes them without
 * their messages. So the messages come from reports of users, whose issues are named here. Unverified against a live account.
 */
import { ApiError } from '../api-error.ts';

/** hashicorp/terraform-provider-aws#1496; the status 500 is from sourcegraph/sourcegraph-public-snapshot#46617. SDKs repeat such a request. */
export function insufficientCapacity(instanceType: string, zone: string): ApiError {
  return new ApiError(
    'InsufficientInstanceCapacity',
    `We currently do not have sufficient ${instanceType} capacity in the Availability Zone you requested (${zone}). Our system will be ` +
      `working on provisioning additional capacity. You can currently get ${instanceType} capacity by not specifying an Availability Zone in ` +
      'your request or choosing another Availability Zone.',
    500,
  );
}

/** aws/amazon-cloudwatch-agent-test#256 */
export function vcpuLimitExceeded(limit: number): ApiError {
  return new ApiError(
    'VcpuLimitExceeded',
    `You have requested more vCPU capacity than your current vCPU limit of ${limit} allows for the instance bucket that the specified ` +
      'instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.',
  );
}

/** longhorn/longhorn-tests#1130 */
export function unsupportedInZone(instanceType: string, zone: string): ApiError {
  return new ApiError(
    'Unsupported',
    `Your requested instance type (${instanceType}) is not supported in your requested Availability Zone (${zone}). Please retry your ` +
      'request by not specifying an Availability Zone or choosing another Availability Zone.',
  );
}

/** CloudSnorkel/cdk-github-runners#946 */
export function requestLimitExceeded(action: string, accountId: string): ApiError {
  return new ApiError(
    'RequestLimitExceeded',
    `Request limit exceeded. Account ${accountId} has been throttled on ec2:${action} because it exceeded its request rate limit.`,
    503,
  );
}

/** hashicorp/terraform-provider-aws#27513 */
export function interfaceInUse(networkInterfaceId: string): ApiError {
  return new ApiError('InvalidNetworkInterface.InUse', `Interface: [${networkInterfaceId}] in use.`);
}

/** The message is that of moto, which copies EC2's. */
export function interfaceNotFound(networkInterfaceId: string): ApiError {
  return new ApiError(
    'InvalidNetworkInterfaceID.NotFound',
    `The networkInterface ID '${networkInterfaceId}' does not exist`,
  );
}

/** hashicorp/terraform#11220 */
export function imageNotFound(imageId: string): ApiError {
  return new ApiError('InvalidAMIID.NotFound', `The image id '[${imageId}]' does not exist`);
}

/** The code is documented for parameters in launch templates (aws/aws-cdk#26712). The message is our own. */
export function imageParameterNotFound(name: string): ApiError {
  return new ApiError('SsmInvalidParameter', `The parameter ${name} could not be found.`);
}

/** The message is that of moto, which copies EC2's. */
export function templateNotFound(id: string): ApiError {
  return new ApiError(
    'InvalidLaunchTemplateId.NotFound',
    `The specified launch template, with template ID ${id}, does not exist.`,
  );
}

/** The message is that of moto, which copies EC2's. */
export function templateVersionNotFound(id: string, version: string): ApiError {
  return new ApiError(
    'InvalidLaunchTemplateId.VersionNotFound',
    `Could not find the specified version ${version} for the launch template with ID ${id}.`,
  );
}

/** The messages are those of moto, which copies EC2's. */
export function instancesNotFound(ids: readonly string[]): ApiError {
  const [only = ''] = ids;
  const message =
    ids.length === 1 ? `The instance ID '${only}' does not exist` : `The instance IDs '${ids.join(', ')}' do not exist`;
  return new ApiError('InvalidInstanceID.NotFound', message);
}

/** rebuy-de/aws-nuke#279 */
export function protectedFromTermination(id: string): ApiError {
  return new ApiError(
    'OperationNotPermitted',
    `The instance '${id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
  );
}

/** canonical/ubuntu-pro-client#1697 */
export function cannotStart(id: string): ApiError {
  return new ApiError('IncorrectInstanceState', `The instance '${id}' is not in a state from which it can be started.`);
}

/** From CloudTrail's record of a StopInstances call for a terminated instance. */
export function cannotStop(id: string): ApiError {
  return new ApiError(
    'IncorrectInstanceState',
    `This instance '${id}' is not in a state from which it can be stopped.`,
  );
}

/** cloud-custodian/cloud-custodian#6014 */
export function neverRan(id: string): ApiError {
  return new ApiError(
    'IncorrectInstanceState',
    `Instance '${id}' cannot be stopped as it has never reached the 'running' state.`,
  );
}

/** ubicloud/ubicloud#5898 */
export function tokenMismatch(): ApiError {
  return new ApiError(
    'IdempotentParameterMismatch',
    'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
  );
}

/** boto/boto3#4406, whose text ends in "Please use a different clien". */
export function tokenOfTerminated(): ApiError {
  return new ApiError(
    'IdempotentInstanceTerminated',
    'The client token you have provided is associated with a terminated instance. Please use a different client token.',
  );
}

/** The message is that of moto, which copies EC2's. */
export function tooManyTags(): ApiError {
  return new ApiError('TagLimitExceeded', 'The maximum number of Tags for a resource has been reached.');
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions. The message is unverified. */
export function reservedTag(key: string): ApiError {
  return new ApiError(
    'InvalidParameterValue',
    `Value ( ${key} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use`,
  );
}

/** The first sentence is EC2's since its first version. A test can add it with `faults.next`. */
export function unauthorized(action: string): ApiError {
  return new ApiError(
    'UnauthorizedOperation',
    `You are not authorized to perform this operation. User: arn:aws:sts::000000000000:assumed-role/launcher/launcher is not authorized to ` +
      `perform: ec2:${action} because no identity-based policy allows the ec2:${action} action`,
    403,
  );
}
