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
import type { AgentLauncherProps, NudgeOptions } from './agent-launcher.ts';
import { constructFaults, isSecret, KINDS } from './constructs.ts';
import { type Counterpart, type Given, refuse, type Table, unknownFaults } from './faults.ts';

const SAME: Counterpart = { value: withoutConstructs };
const SECRET: Counterpart = { value: secretName, kind: KINDS.secret };
const MEMORY: Counterpart = { ...SAME, setting: 'memoryMiB' };

const inside = <T>(table: Table<T>): Counterpart => ({ inside: table });
const duration = (setting: string, unit: 'seconds' | 'minutes'): Counterpart => ({
  setting,
  unit,
  value: (given) => {
    if (!(given instanceof Duration)) return given === undefined ? undefined : Number.NaN;
    if (given.isUnresolved()) return undefined;
    return unit === 'seconds' ? given.toSeconds({ integral: false }) : given.toMinutes({ integral: false });
  },
});

const PHASE: Table<PhaseOptions> = {
  cpu: SAME,
  memoryLimitMiB: MEMORY,
  ephemeralStorageGiB: SAME,
  taskRole: { kind: KINDS.role },
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
  agentTokenSecret: { ...SECRET, required: true },
  maxAgents: SAME,
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
  reservedConcurrentExecutions: { ...SAME, setting: 'reservedConcurrency' },
};
const LAUNCHER: Table<AgentLauncherProps> = {
  organization: SAME,
  apiTokenSecret: { ...SECRET, required: true },
  pools: inside(POOL),
  vpc: { kind: KINDS.vpc, required: true },
  vpcSubnets: { kind: KINDS.subnets },
  securityGroups: { kind: KINDS.groups },
  assignPublicIp: { kind: KINDS.flag },
  startAfter: { kind: KINDS.dependables },
  guardDuty: { kind: KINDS.flag },
  name: { ...SAME, setting: 'stackName' },
  hostname: SAME,
  agentImage: { kind: KINDS.image },
  agentsCeiling: SAME,
  schedule: duration('scheduleMinutes', 'minutes'),
  activePoll: duration('activePollSeconds', 'seconds'),
  idlePoll: duration('idlePollSeconds', 'seconds'),
  nudge: inside(NUDGE),
  idleWindow: duration('idleWindowSeconds', 'seconds'),
  startDeadline: duration('startDeadlineSeconds', 'seconds'),
  reservedConcurrentExecutions: { ...SAME, setting: 'reservedConcurrency' },
  logRetention: { kind: KINDS.retention },
  oldestQueued: duration('oldestQueuedMinutes', 'minutes'),
  alarmTopic: { kind: KINDS.topic },
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
    ...crossFaults({ ...value, network }),
    ...variableFaults(settings),
    ...secretFaults(scope, given),
    ...exampleFaults(scope, value),
  ].filter(({ path }) => !path.startsWith('network'));
  const faults = [
    ...unknownFaults(given, LAUNCHER),
    ...constructFaults(given, LAUNCHER),
    ...ofSettings.map((fault) => atProperty(fault, given)),
  ];
  refuse(`the launcher ${scope.node.path}`, faults);
}

/** Faults of secrets in a different region or account than the stack, if these are known. */
function secretFaults(scope: Construct, given: Given): Iterable<SettingsFault> {
  const { apiTokenSecret, pools, nudge } = given;
  const { account, region } = Stack.of(scope);
  const located = {
    apiTokenSecret: knownArn(apiTokenSecret),
    nudge: { hmacKeySecret: knownArn(valueAt(nudge, ['hmacKeySecret'])) },
    pools: (Array.isArray(pools) ? pools : []).map((pool: unknown) => ({
      apiTokenSecret: knownArn(valueAt(pool, ['apiTokenSecret'])),
      agentTokenSecret: knownArn(valueAt(pool, ['agentTokenSecret'])),
    })),
  };
  return targetFaults(located, {
    account: Token.isUnresolved(account) ? undefined : account,
    region: Token.isUnresolved(region) ? undefined : region,
    canDecrypt: (path) => {
      const secret = valueAt(given, path.split('.'));
      return isSecret(secret) && secret.encryptionKey !== undefined;
    },
  });
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

/** Converts properties to settings. The properties can have any type, because JavaScript doesn't check types. */
function asSettings(given: unknown, table: Readonly<Record<string, Counterpart>>): unknown {
  if (Array.isArray(given)) return given.map((item: unknown) => asSettings(item, table));
  if (!isRecord(given)) return given;
  return Object.fromEntries(
    Object.entries(table).flatMap(([property, counterpart]) => {
      const { setting = property, value, inside: inner } = counterpart;
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
