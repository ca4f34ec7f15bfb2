/**
 * Checks the properties of the construct with the rules of the settings.
 *
 * Both ways of deploying share one set of rules. So this file first converts the properties to settings: a secret to its name,
 * and a `Duration` to a number. It then reports each fault under the name of the matching property. Values that are known only at
 * deployment aren't checked. The rules for networks don't apply, because the app provides the network.
 */
import { Duration, Stack, Token } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { z } from 'zod';
import type { AgentPoolOptions, PhaseOptions, PhasesOptions, PlanOptions } from '../agent/pool-options.ts';
import type { WarmAgentsOptions, WarmSchedule } from '../agent/warm-agents.ts';
import { shown } from '../credentials.ts';
import type { LogOptions } from '../log-group.ts';
import type { RoleOptions } from '../roles.ts';
import {
  ALLOW_PLACEHOLDER,
  credentialFaults,
  placeholderFaults,
  variableFaults,
} from '../settings/checks/credentials.ts';
import { targetFaults } from '../settings/checks/target.ts';
import { crossFaults } from '../settings/checks.ts';
import type { SettingsFault } from '../settings/errors.ts';
import { faultOf } from '../settings/issues.ts';
import { type ReadableSettings, readSettings } from '../settings/read.ts';
import { isRecord, valueAt } from '../settings/records.ts';
import type { SecretHome } from '../settings/same-secret.ts';
import type {
  AgentLauncherProps,
  AgentTokenRotationOptions,
  CaCertificatesOptions,
  LauncherOptions,
  LauncherVpcOptions,
  NudgeOptions,
} from './agent-launcher.ts';
import { constructFaults, isSecret, KINDS } from './constructs.ts';
import type { EncryptionOptions } from './encryption.ts';
import { type Counterpart, type Given, refuse, type Table, unknownFaults } from './faults.ts';

const SAME: Counterpart = { value: withoutConstructs };
const SECRET: Counterpart = { value: secretName, kind: KINDS.secret };
/** Stands for a role whose ARN is known only at deployment: the checks only need to know that there is one. */
const UNKNOWN_ROLE = 'arn:aws:iam::000000000000:role/known-at-deployment';
const MEMORY: Counterpart = { ...SAME, setting: 'memoryMiB' };

const inside = <T>(table: Table<T>): Counterpart => ({ inside: table });
const duration = (setting: string, unit: NonNullable<Counterpart['unit']>): Counterpart => ({
  setting,
  unit,
  value: (given) => {
    if (!(given instanceof Duration)) return given === undefined ? undefined : Number.NaN;
    if (given.isUnresolved()) return undefined;
    const [seconds, minutes] = [given.toSeconds({ integral: false }), given.toMinutes({ integral: false })];
    return { seconds, minutes, hours: minutes / 60, days: given.toDays({ integral: false }) }[unit];
  },
});

const PHASE: Table<PhaseOptions> = {
  cpu: SAME,
  memoryLimitMiB: MEMORY,
  ephemeralStorageGiB: SAME,
  taskRole: { kind: KINDS.role },
  maxJobHours: SAME,
};
const PLAN: Table<PlanOptions> = { ...PHASE, capacity: SAME };
const PHASES: Table<PhasesOptions> = { plan: inside(PLAN), apply: inside(PHASE), unlistedJobs: SAME };
const SCHEDULE: Table<WarmSchedule> = { days: SAME, from: SAME, to: SAME, timeZone: SAME };
const WARM: Table<WarmAgentsOptions> = {
  agents: SAME,
  phase: SAME,
  idleWindow: duration('idleMinutes', 'minutes'),
  schedule: inside(SCHEDULE),
};
const POOL: Table<AgentPoolOptions> = {
  name: SAME,
  id: SAME,
  organization: SAME,
  apiTokenSecret: SECRET,
  apiTokenJsonKey: { kind: KINDS.jsonKey },
  agentTokenSecret: { ...SECRET, required: true },
  agentTokenJsonKey: { kind: KINDS.jsonKey },
  maxAgents: SAME,
  standby: duration('standbySeconds', 'seconds'),
  foreignAgents: SAME,
  maxJobHours: SAME,
  cpu: SAME,
  memoryLimitMiB: MEMORY,
  ephemeralStorageGiB: SAME,
  cpuArchitecture: { kind: KINDS.architecture },
  environment: SAME,
  taskRole: { kind: KINDS.role },
  phases: inside(PHASES),
  warmAgents: inside(WARM),
  sweepInterval: duration('sweepMinutes', 'minutes'),
  policySweeps: SAME,
  logRetention: { kind: KINDS.retention },
  image: { kind: KINDS.image },
};
const NUDGE: Table<NudgeOptions> = {
  hmacKeySecret: { ...SECRET, required: true },
  hmacKeyJsonKey: { kind: KINDS.jsonKey },
  reservedConcurrentExecutions: { ...SAME, setting: 'reservedConcurrency' },
};
const OF_VPC: Table<LauncherVpcOptions> = {
  vpcSubnets: { kind: KINDS.subnets },
  securityGroups: { kind: KINDS.groups },
};
const OF_FUNCTION: Table<LauncherOptions> = {
  vpc: { kind: KINDS.launcherVpc, inside: OF_VPC },
  architecture: { kind: KINDS.functionArchitecture },
  codeSigningConfig: { kind: KINDS.codeSigningConfig },
  httpsProxy: SAME,
  noProxy: SAME,
  httpsProxyCredentialsSecret: SECRET,
  httpsProxyCredentialsJsonKey: { kind: KINDS.jsonKey },
};
const ROTATION: Table<AgentTokenRotationOptions> = {
  maxAge: { ...duration('days', 'days'), required: true },
  apiTokenSecret: { ...SECRET, required: true },
  apiTokenJsonKey: { kind: KINDS.jsonKey },
  ignoreOtherAgents: SAME,
};
const CA_CERTIFICATES: Table<CaCertificatesOptions> = { file: SAME, secret: SECRET };
const LOGS: Table<LogOptions> = {
  onDelete: SAME,
  exportTo: SAME,
  exportRole: { setting: 'exportRoleArn', kind: KINDS.role, value: (given) => arnOf(given, 'roleArn', UNKNOWN_ROLE) },
};
const KEY: Counterpart = { kind: KINDS.key, value: (given) => arnOf(given, 'keyArn', undefined) };
const ENCRYPTION: Table<EncryptionOptions> = {
  key: { ...KEY, setting: 'keyArn' },
  secretsKey: { ...KEY, setting: 'secretsKeyArn' },
  logsKey: { ...KEY, setting: 'logsKeyArn' },
  environmentKey: { ...KEY, setting: 'environmentKeyArn' },
  ephemeralStorageKey: { ...KEY, setting: 'ephemeralStorageKeyArn' },
  queueKey: { ...KEY, setting: 'queueKeyArn' },
  topicKey: { ...KEY, setting: 'topicKeyArn' },
  imagesKey: { ...KEY, setting: 'imagesKeyArn' },
};
const ROLES: Table<RoleOptions> = { namePrefix: SAME, path: SAME, permissionsBoundary: SAME };
const LAUNCHER: Table<AgentLauncherProps> = {
  organization: SAME,
  apiTokenSecret: { ...SECRET, required: true },
  apiTokenJsonKey: { kind: KINDS.jsonKey },
  pools: inside(POOL),
  vpc: { kind: KINDS.vpc, required: true },
  vpcSubnets: { kind: KINDS.subnets },
  securityGroups: { kind: KINDS.groups },
  assignPublicIp: { kind: KINDS.flag },
  startAfter: { kind: KINDS.dependables },
  gateways: { kind: KINDS.gateways },
  guardDuty: { kind: KINDS.flag },
  name: { ...SAME, setting: 'stackName' },
  hostname: SAME,
  agentImage: { kind: KINDS.image },
  caCertificates: inside(CA_CERTIFICATES),
  agentsCeiling: SAME,
  launcher: inside(OF_FUNCTION),
  schedule: duration('scheduleMinutes', 'minutes'),
  activePoll: duration('activePollSeconds', 'seconds'),
  idlePoll: duration('idlePollSeconds', 'seconds'),
  nudge: inside(NUDGE),
  agentTokenRotation: inside(ROTATION),
  idleWindow: duration('idleWindowSeconds', 'seconds'),
  startDeadline: duration('startDeadlineSeconds', 'seconds'),
  reservedConcurrentExecutions: { ...SAME, setting: 'reservedConcurrency' },
  logRetention: { kind: KINDS.retention },
  logs: inside(LOGS),
  encryption: inside(ENCRYPTION),
  oldestQueued: duration('oldestQueuedMinutes', 'minutes'),
  oldestTask: duration('oldestTaskHours', 'hours'),
  apiTokenExpiry: duration('apiTokenExpiryDays', 'days'),
  alarmTopic: { kind: KINDS.topic },
  alarmEmail: SAME,
  auditEvents: SAME,
  fips: SAME,
  roles: inside(ROLES),
};

/** @throws {Error} with all faults of the properties: where, given, allowed, to do */
export function checkLauncherProps(scope: Construct, defaultName: () => string, props: unknown): void {
  const ofApp = isRecord(props) ? props : {};
  const given: Given = { ...ofApp, name: ofApp['name'] ?? defaultName() };
  const settings = asSettings(given, LAUNCHER);
  const { value, issues } = readSettings(settings);
  // The app provides the network. If the construct creates the security group, the rules for proxies still apply.
  const network = {
    egress: 'existing-vpc',
    ...(given['securityGroups'] !== undefined && { securityGroupIds: [] }),
  } as const;
  const ofSettings = [
    ...credentialFaults(settings),
    ...issues.flatMap((issue) => [...schemaFaults(issue, settings)]),
    ...crossFaults({ ...value, network }, homeOf(scope)),
    ...variableFaults(settings),
    ...targetsFaults(scope, given, value),
    ...exampleFaults(scope, value),
    ...topicFaults(given),
    ...jsonKeyFaults(given),
  ].filter(({ path }) => !path.startsWith('network'));
  const faults = [
    ...unknownFaults(given, LAUNCHER),
    ...constructFaults(given, LAUNCHER),
    ...ofSettings.map((fault) => atProperty(fault, given)),
  ];
  refuse(`the launcher ${scope.node.path}`, faults);
}

/** Faults of secrets and keys in a different region or account than the stack, if these are known. */
function targetsFaults(
  scope: Construct,
  given: Given,
  { encryption, logs }: ReadableSettings,
): Iterable<SettingsFault> {
  const { apiTokenSecret, pools, nudge, agentTokenRotation, caCertificates, launcher } = given;
  const encryptionAndLogs = { ...(encryption && { encryption }), ...(logs && { logs }) };
  const located = {
    apiTokenSecret: knownArn(apiTokenSecret),
    caCertificates: { secret: knownArn(valueAt(caCertificates, ['secret'])) },
    launcher: { httpsProxyCredentialsSecret: knownArn(valueAt(launcher, ['httpsProxyCredentialsSecret'])) },
    nudge: nudge === undefined ? undefined : { hmacKeySecret: knownArn(valueAt(nudge, ['hmacKeySecret'])) },
    ...encryptionAndLogs,
    agentTokenRotation: { apiTokenSecret: knownArn(valueAt(agentTokenRotation, ['apiTokenSecret'])) },
    pools: (Array.isArray(pools) ? pools : []).map((pool: unknown) => ({
      apiTokenSecret: knownArn(valueAt(pool, ['apiTokenSecret'])),
      agentTokenSecret: knownArn(valueAt(pool, ['agentTokenSecret'])),
    })),
  };
  return targetFaults(located, {
    ...homeOf(scope),
    canDecrypt: (path) => {
      const secret = valueAt(given, path.split('.'));
      return isSecret(secret) && secret.encryptionKey !== undefined;
    },
  });
}

/** Account and region of the stack, if they are known at synthesis. */
function homeOf(scope: Construct): SecretHome {
  const { account, region } = Stack.of(scope);
  return {
    account: Token.isUnresolved(account) ? undefined : account,
    region: Token.isUnresolved(region) ? undefined : region,
  };
}

/** A secret's ARN, complete or without its random suffix; `undefined` if it is known only at deployment. */
function knownArn(secret: unknown): string | undefined {
  return isSecret(secret) && !Token.isUnresolved(secret.secretArn) ? secret.secretArn : undefined;
}

/** Faults of a placeholder organization from the documentation, with a remedy for an app that uses the construct. */
function* exampleFaults(scope: Construct, settings: ReadableSettings): Iterable<SettingsFault> {
  const remedy = `set the name of your organization. If it really has this name, set the context ${ALLOW_PLACEHOLDER} to true`;
  const faults = placeholderFaults(settings, scope.node.tryGetContext(ALLOW_PLACEHOLDER));
  for (const fault of faults) yield { ...fault, remedy };
}

/** Faults of keys without a secret, and of keys in a secret that ECS knows only by its name: it doesn't find them without the complete ARN. */
function* jsonKeyFaults({ pools, launcher }: Given): Iterable<SettingsFault> {
  const loginKey = valueAt(launcher, ['httpsProxyCredentialsJsonKey']);
  if (loginKey !== undefined && valueAt(launcher, ['httpsProxyCredentialsSecret']) === undefined) {
    yield {
      path: 'launcher.httpsProxyCredentialsJsonKey',
      given: `${shown(loginKey)}, without httpsProxyCredentialsSecret`,
      allowed: 'a key only with httpsProxyCredentialsSecret',
      remedy: 'set httpsProxyCredentialsSecret too, or remove the key',
    };
  }
  for (const [index, pool] of (Array.isArray(pools) ? pools : []).entries()) {
    const apiKey = valueAt(pool, ['apiTokenJsonKey']);
    if (apiKey !== undefined && valueAt(pool, ['apiTokenSecret']) === undefined) {
      yield {
        path: `pools.${index}.apiTokenJsonKey`,
        given: `${shown(apiKey)}, without apiTokenSecret`,
        allowed: "a key only with the pool's own apiTokenSecret",
        remedy: 'set apiTokenSecret of the pool too, or remove the key',
      };
    }
    const key = valueAt(pool, ['agentTokenJsonKey']);
    const secret = valueAt(pool, ['agentTokenSecret']);
    if (key === undefined || !isSecret(secret) || secret.secretFullArn !== undefined) continue;
    yield {
      path: `pools.${index}.agentTokenJsonKey`,
      given: `${shown(key)}, of a secret without the random characters of its ARN`,
      allowed: 'a key of a secret whose complete ARN is known',
      remedy: "use Secret.fromSecretCompleteArn(this, 'AgentToken', '…'), or a secret that your app creates",
    };
  }
}

/** Faults of a topic and an e-mail address together. */
function* topicFaults({ alarmTopic, alarmEmail }: Given): Iterable<SettingsFault> {
  if (alarmTopic === undefined || alarmEmail === undefined) return;
  yield {
    path: 'alarmEmail',
    given: `${shown(alarmEmail)}, with alarmTopic`,
    allowed: 'one of alarmEmail and alarmTopic',
    remedy:
      'remove alarmTopic, and the construct creates a topic. Or remove alarmEmail, and call addSubscription of your topic',
  };
}

/** Converts properties to settings. The properties can have any type, because JavaScript doesn't check types. */
function asSettings(given: unknown, table: Readonly<Record<string, Counterpart>>): unknown {
  if (Array.isArray(given)) return given.map((item: unknown) => asSettings(item, table));
  if (!isRecord(given)) return given;
  return Object.fromEntries(
    Object.entries(table).flatMap(([property, counterpart]) => {
      const { setting = property, value, kind, inside: inner } = counterpart;
      // The app provides the network, so the constructs of a network have no matching settings.
      if (kind !== undefined && inner !== undefined) return [];
      const read = inner === undefined ? value?.(given[property]) : asSettings(given[property], inner);
      return read === undefined ? [] : [[setting, read]];
    }),
  );
}

/**
 * Replaces each construct in a value by its path, because a construct is a cycle of objects. A user can pass a construct instead
 * of text by mistake, such as a parameter without `.valueAsString`.
 */
function withoutConstructs(given: unknown): unknown {
  if (Construct.isConstruct(given)) return { construct: given.node.path };
  if (Array.isArray(given)) return given.map(withoutConstructs);
  if (!isRecord(given) || Token.isUnresolved(given)) return given;
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, withoutConstructs(value)]));
}

/** Converts a secret to its complete ARN or name. If both are known only at deployment, uses the path of the construct. */
function secretName(given: unknown): unknown {
  if (!isSecret(given)) return withoutConstructs(given);
  const { secretFullArn, node } = given;
  if (secretFullArn !== undefined && !Token.isUnresolved(secretFullArn)) return secretFullArn;
  if (!Token.isUnresolved(given.secretName)) return given.secretName;
  return node.path.replaceAll(/[^A-Za-z0-9/]/g, '_').slice(-512);
}

/** ARN of a construct. @param unknown instead of an ARN that is known only at deployment */
function arnOf(given: unknown, property: string, unknown: string | undefined): unknown {
  const arn = valueAt(given, [property]);
  return typeof arn === 'string' && !Token.isUnresolved(arn) ? arn : given === undefined ? undefined : unknown;
}

function* schemaFaults(issue: z.core.$ZodIssue, settings: unknown): Iterable<SettingsFault> {
  // The value of a CDK token is known only at deployment, so it isn't checked. But names that are prefixes of other names must be
  // plain text.
  const isName = /^(?:name|stackName)$/.test(String(issue.path.at(-1)));
  if (Token.isUnresolved(valueAt(settings, issue.path)) && !isName) return;
  const isPools = issue.path.join('.') === 'pools';
  yield faultOf(issue, settings, ({ value, doc }) => {
    if (isPools) return 'list each pool with its name and agentTokenSecret';
    return doc?.remedy ?? (value === undefined ? 'set this property' : 'correct this property');
  });
}

/** Converts a fault of a setting to a fault of the matching property, with the value of the property. */
function atProperty(fault: SettingsFault, given: Given): SettingsFault {
  let table: Readonly<Record<string, Counterpart>> = LAUNCHER;
  let unit: Counterpart['unit'];
  const path = fault.path.split('.').map((key) => {
    const [property, counterpart] = Object.entries(table).find(
      ([name, { setting = name }]) => setting === key || name === key,
    ) ?? [key, undefined];
    table = counterpart?.inside ?? table;
    unit = counterpart?.unit;
    return property;
  });
  const value = valueAt(given, path);
  return {
    ...fault,
    path: path.join('.'),
    ...(unit !== undefined && {
      given: value instanceof Duration ? value.toHumanString() : `${shown(value)}, which isn't a Duration`,
      allowed: `a Duration; in ${unit}: ${fault.allowed}`,
    }),
  };
}
