/** AWS's messages on which callers match. */

export const CAPACITY_UNAVAILABLE =
  'Capacity is unavailable at this time. Please try again later or in a different availability zone';

export const VCPU_LIMIT = "You've reached the limit on the number of vCPUs you can run concurrently";

export const ESSENTIAL_CONTAINER_EXITED = 'Essential container in task exited';

export const SPOT_INTERRUPTED = 'Your Spot Task was interrupted.';

export const OUT_OF_MEMORY = 'OutOfMemoryError: Container killed due to memory usage';

export const STOPPED_BY_USER = 'Task stopped by user';

export function secretUnavailable(valueFrom: string, cause: string): string {
  return (
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: ' +
    'unable to retrieve secret from asm: service call has been retried 1 time(s): ' +
    `failed to fetch secret ${valueFrom} from secrets manager: ${cause}`
  );
}

export function secretDenied(roleArn: string, secretArn: string): string {
  const role = roleArn.split('/').at(-1) ?? roleArn;
  return (
    `AccessDeniedException: User: arn:aws:sts::${roleArn.split(':')[4] ?? ''}:assumed-role/${role}/task is not authorized to ` +
    `perform: secretsmanager:GetSecretValue on resource: ${secretArn} because no identity-based policy allows the ` +
    'secretsmanager:GetSecretValue action'
  );
}

export function imageNotFound(reference: string): string {
  return (
    'CannotPullContainerError: pull image manifest has been retried 1 time(s): ' +
    `failed to resolve ref ${reference}: ${reference}: not found`
  );
}

/** @param cause the message of the container runtime */
export function cannotStart(cause: string): string {
  return `CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: ${cause}`;
}

/** EC2's throttling. ECS returns it as an `InvalidParameterException`, although a later call succeeds. */
export function ec2RequestLimit(securityGroup: string): string {
  return (
    `Error retrieving security group information for [${securityGroup}]: ` +
    'Request limit exceeded. (ErrorCode: RequestLimitExceeded)'
  );
}
