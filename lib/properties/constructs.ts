/** Checks the properties of the launcher that have no matching setting: constructs, roles, images. */
import { Token } from 'aws-cdk-lib';
import { CpuArchitecture } from 'aws-cdk-lib/aws-ecs';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Dependable } from 'constructs';
import { shown } from '../credentials.ts';
import type { SettingsFault } from '../settings/errors.ts';
import { RETENTION_DAYS, RETENTION_DOC } from '../settings/fields.ts';
import { isRecord, valueAt } from '../settings/records.ts';
import type { Given } from './faults.ts';

export function isSecret(given: unknown): given is ISecret {
  return typeof given === 'object' && given !== null && 'secretArn' in given && 'secretName' in given;
}

/** The rule for a property without a matching setting. */
interface Kind {
  readonly fits: (value: unknown) => boolean;
  readonly allowed: string;
  readonly remedy: string;
}

const isList = (value: unknown, fits: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every((item: unknown) => fits(item));

const SECRET_KIND: Kind = {
  fits: isSecret,
  allowed: 'a secret of aws-cdk-lib/aws-secretsmanager',
  remedy: "use Secret.fromSecretNameV2(this, 'ApiToken', '…') with the name of the secret; never the token itself",
};
const VPC: Kind = {
  fits: (value) => isRecord(value) && 'vpcId' in value,
  allowed: 'a VPC of aws-cdk-lib/aws-ec2',
  remedy: "use Vpc.fromLookup(this, 'Vpc', { vpcId: '…' }), or the VPC that your app creates",
};
const SUBNETS: Kind = {
  fits: isRecord,
  allowed: 'an object that selects subnets of the VPC, such as { subnetGroupName: "Tasks" }',
  remedy: "leave it out for the VPC's private subnets",
};
const GROUPS: Kind = {
  fits: (value) =>
    isList(value, (group) => isRecord(group) && 'securityGroupId' in group) &&
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= 5,
  allowed:
    "a list of 1 to 5 security groups of aws-cdk-lib/aws-ec2. With an empty list, ECS would use the VPC's default group",
  remedy:
    'leave the property out, and the construct creates a group that allows only outbound HTTPS. If you have an ID, use SecurityGroup.fromSecurityGroupId',
};
const FLAG: Kind = {
  fits: (value) => typeof value === 'boolean',
  allowed: 'true or false',
  remedy: 'write it without quotes',
};
const DEPENDABLES: Kind = {
  fits: (value) => isList(value, isDependable),
  allowed: 'a list of constructs',
  remedy: 'put the constructs themselves into the list, not their names',
};
const IMAGE: Kind = {
  // A plain function isn't an AgentImage, although every function has a method `bind`.
  fits: (value) => isRecord(value) && typeof value['bind'] === 'function',
  allowed: 'an AgentImage of agent-launcher/agent-image',
  remedy: 'use AgentImage.copyOf, fromReference, fromVersion or fromRelease',
};
const RETENTION: Kind = {
  fits: (value) =>
    Token.isUnresolved(value) ||
    (typeof value === 'number' && [...RETENTION_DAYS, RetentionDays.INFINITE].includes(value)),
  allowed: `a value of RetentionDays of aws-cdk-lib/aws-logs, for one of these numbers of days: ${RETENTION_DOC.allowed}`,
  remedy: 'use a value of RetentionDays, such as RetentionDays.ONE_MONTH',
};
const TOPIC: Kind = {
  fits: (value) => isRecord(value) && 'topicArn' in value,
  allowed: 'a topic of aws-cdk-lib/aws-sns',
  remedy: "use Topic.fromTopicArn(this, 'Alarms', '…')",
};
const ARCHITECTURE: Kind = {
  fits: (value) => value === CpuArchitecture.X86_64 || value === CpuArchitecture.ARM64,
  allowed: 'CpuArchitecture.X86_64 or CpuArchitecture.ARM64 of aws-cdk-lib/aws-ecs',
  remedy: 'use one of these two',
};
const ROLE: Kind = {
  fits: (value) => isRecord(value) && 'roleArn' in value && 'grantPrincipal' in value,
  allowed: 'a role of aws-cdk-lib/aws-iam',
  remedy: "use Role.fromRoleArn(this, 'TaskRole', '…'), or leave it out for a new role",
};

/** Faults of properties that have no matching setting, such as a missing construct, or a name instead of a construct. */
export function constructFaults(given: Given): SettingsFault[] {
  const fault = (path: string, { fits, allowed, remedy }: Kind, required = false): SettingsFault[] => {
    const value = valueAt(given, path.split('.'));
    return fits(value) || (value === undefined && !required) ? [] : [{ path, given: shown(value), allowed, remedy }];
  };
  const pools: readonly unknown[] = Array.isArray(given['pools']) ? given['pools'] : [];
  return [
    ...fault('vpc', VPC, true),
    ...fault('apiTokenSecret', SECRET_KIND, true),
    ...(given['nudge'] === undefined ? [] : fault('nudge.hmacKeySecret', SECRET_KIND, true)),
    ...fault('vpcSubnets', SUBNETS),
    ...fault('securityGroups', GROUPS),
    ...fault('assignPublicIp', FLAG),
    ...fault('startAfter', DEPENDABLES),
    ...fault('guardDuty', FLAG),
    ...fault('agentImage', IMAGE),
    ...fault('logRetention', RETENTION),
    ...fault('alarmTopic', TOPIC),
    ...pools.flatMap((_, index) => [
      ...fault(`pools.${index}.agentTokenSecret`, SECRET_KIND, true),
      ...fault(`pools.${index}.apiTokenSecret`, SECRET_KIND),
      ...fault(`pools.${index}.cpuArchitecture`, ARCHITECTURE),
      ...fault(`pools.${index}.taskRole`, ROLE),
      ...fault(`pools.${index}.phases.plan.taskRole`, ROLE),
      ...fault(`pools.${index}.phases.apply.taskRole`, ROLE),
      ...fault(`pools.${index}.logRetention`, RETENTION),
      ...fault(`pools.${index}.image`, IMAGE),
    ]),
  ];
}

function isDependable(value: unknown): boolean {
  if (!isRecord(value)) return false;
  try {
    Dependable.get(value);
    return true;
  } catch {
    return false;
  }
}
