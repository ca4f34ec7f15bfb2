/** The names that a gateway needs for itself. This file doesn't load the CDK, because the checks of the settings count the names. */

export interface GatewayPlace {
  readonly region: string;
  readonly urlSuffix: string;
}

/**
 * The names that a gateway itself resolves: the repositories of Amazon Linux, CloudWatch Logs, EC2 for its tags, and those of Session
 * Manager if it is on. The filter doesn't forward them.
 * https://docs.aws.amazon.com/linux/al2023/ug/managing-repos-os-updates.html
 */
export function gatewayOwnNames({ region, urlSuffix }: GatewayPlace, sessionManager: boolean): string[] {
  const services = ['ec2', 'logs', ...(sessionManager ? ['ssm', 'ssmmessages', 'ec2messages'] : [])];
  return [
    `al2023-repos-${region}-de612dc2.s3.dualstack.${region}.${urlSuffix}`,
    ...services.map((service) => `${service}.${region}.${urlSuffix}`),
  ];
}
