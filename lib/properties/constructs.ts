/** Checks the properties of the launcher that have no matching setting: constructs, roles, images. */
import { Token } from 'aws-cdk-lib';
import { CpuArchitecture } from 'aws-cdk-lib/aws-ecs';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Dependable } from 'constructs';
import { shown } from '../credentials.ts';
import { Gateways } from '../network/gateways.ts';
import type { SettingsFault } from '../settings/errors.ts';
import { RETENTION_DAYS, RETENTION_DOC } from '../settings/fields.ts';
import { isRecord } from '../settings/records.ts';
import { JSON_KEY } from '../settings/secret-reference.ts';
import type { Counterpart, Given, Kind } from './faults.ts';

export function isSecret(given: unknown): given is ISecret {
  return typeof given === 'object' && given !== null && 'secretArn' in given && 'secretName' in given;
}

const isList = (value: unknown, fits: (item: unknown) => boolean, least = 0, most = Infinity): boolean =>
  Array.isArray(value) && value.length >= least && value.length <= most && value.every((item: unknown) => fits(item));

/** The rules for values that are constructs, not settings. */
export const KINDS = {
  secret: {
    fits: isSecret,
    allowed: 'a secret of aws-cdk-lib/aws-secretsmanager',
    remedy: "use Secret.fromSecretNameV2(this, 'ApiToken', '…') with the name of the secret; never the token itself",
  },
  jsonKey: {
    fits: (value) => typeof value === 'string' && JSON_KEY.test(value),
    allowed: 'text of 1 to 128 letters, digits, _, . and -',
    remedy:
      "set the key of the token in the secret's JSON object, or leave it out if the secret contains only the token",
  },
  vpc: {
    fits: (value) => isRecord(value) && 'vpcId' in value,
    allowed: 'a VPC of aws-cdk-lib/aws-ec2',
    remedy: "use Vpc.fromLookup(this, 'Vpc', { vpcId: '…' }), or the VPC that your app creates",
  },
  subnets: {
    fits: isRecord,
    allowed: 'an object that selects subnets of the VPC, such as { subnetGroupName: "Tasks" }',
    remedy: "leave it out for the VPC's private subnets",
  },
  groups: {
    fits: (value) => isList(value, (group) => isRecord(group) && 'securityGroupId' in group, 1, 5),
    allowed:
      "a list of 1 to 5 security groups of aws-cdk-lib/aws-ec2. With an empty list, ECS would use the VPC's default group",
    remedy:
      'leave the property out, and the construct creates a group that allows only outbound HTTPS. If you have an ID, use SecurityGroup.fromSecurityGroupId',
  },
  flag: {
    fits: (value) => typeof value === 'boolean',
    allowed: 'true or false',
    remedy: 'write it without quotes',
  },
  gateways: {
    fits: (value) => value instanceof Gateways,
    allowed: "the gateways of an EgressNetwork with egress: 'on-demand'",
    remedy: 'pass the property gateways of the EgressNetwork',
  },
  dependables: {
    fits: (value) => isList(value, isDependable),
    allowed: 'a list of constructs',
    remedy: 'put the constructs themselves into the list, not their names',
  },
  image: {
    // A plain function isn't an AgentImage, although every function has a method `bind`.
    fits: (value) => isRecord(value) && typeof value['bind'] === 'function',
    allowed: 'an AgentImage of agent-launcher/agent-image',
    remedy: 'use AgentImage.copyOf, fromReference, fromVersion or fromRelease',
  },
  retention: {
    fits: (value) =>
      Token.isUnresolved(value) ||
      (typeof value === 'number' && [...RETENTION_DAYS, RetentionDays.INFINITE].includes(value)),
    allowed: `a value of RetentionDays of aws-cdk-lib/aws-logs, for one of these numbers of days: ${RETENTION_DOC.allowed}`,
    remedy: 'use a value of RetentionDays, such as RetentionDays.ONE_MONTH',
  },
  key: {
    fits: (value) => isRecord(value) && 'keyArn' in value && 'addToResourcePolicy' in value,
    allowed: 'a key of aws-cdk-lib/aws-kms',
    remedy: "use Key.fromKeyArn(this, 'Key', '…'), or the key that your app creates",
  },
  topic: {
    fits: (value) => isRecord(value) && 'topicArn' in value,
    allowed: 'a topic of aws-cdk-lib/aws-sns',
    remedy: "use Topic.fromTopicArn(this, 'Alarms', '…')",
  },
  architecture: {
    fits: (value) => value === CpuArchitecture.X86_64 || value === CpuArchitecture.ARM64,
    allowed: 'CpuArchitecture.X86_64 or CpuArchitecture.ARM64 of aws-cdk-lib/aws-ecs',
    remedy: 'use one of these two',
  },
  launcherVpc: {
    fits: isRecord,
    allowed: "an object with vpcSubnets and securityGroups, such as {} for the agents' subnets and a new group",
    remedy: "set {} for the agents' subnets, or leave it out for Lambda's own network",
  },
  codeSigningConfig: {
    fits: (value) => isRecord(value) && 'codeSigningConfigArn' in value,
    allowed: 'a code signing configuration of aws-cdk-lib/aws-lambda',
    remedy: "use CodeSigningConfig.fromCodeSigningConfigArn(this, 'Signing', '…')",
  },
  functionArchitecture: {
    fits: (value) => value === Architecture.ARM_64 || value === Architecture.X86_64,
    allowed: 'Architecture.ARM_64 or Architecture.X86_64 of aws-cdk-lib/aws-lambda',
    remedy: 'use one of these two',
  },
  role: {
    fits: (value) => isRecord(value) && 'roleArn' in value && 'grantPrincipal' in value,
    allowed: 'a role of aws-cdk-lib/aws-iam',
    remedy: "use Role.fromRoleArn(this, 'TaskRole', '…'), or leave it out for a new role",
  },
} satisfies Record<string, Kind>;

/**
 * Faults of properties that have no matching setting, such as a missing construct, or a name instead of a construct.
 *
 * @param given the properties, or one pool's or phase's
 */
export function* constructFaults(
  given: Given,
  table: Readonly<Record<string, Counterpart>>,
  path = '',
): Iterable<SettingsFault> {
  for (const [property, { kind, required, inside }] of Object.entries(table)) {
    const value = given[property];
    if (kind !== undefined && !kind.fits(value) && (value !== undefined || required === true)) {
      yield { path: `${path}${property}`, given: shown(value), allowed: kind.allowed, remedy: kind.remedy };
    }
    if (inside === undefined) continue;
    if (isRecord(value)) yield* constructFaults(value, inside, `${path}${property}.`);
    for (const [index, item] of Array.isArray(value) ? value.entries() : []) {
      yield* constructFaults(isRecord(item) ? item : {}, inside, `${path}${property}.${index}.`);
    }
  }
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
