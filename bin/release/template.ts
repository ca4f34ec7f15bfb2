/**
 * Builds the release template: one template whose parameters are the settings of a stack with one pool.
 *
 * 1. Synthesize the app's own stack for every combination of the choices, with a placeholder for every other setting.
 * 2. Merge the templates with conditions (`merge.ts`).
 * 3. Replace each placeholder with a reference to its parameter.
 *
 * So the release template contains no second description of the stack. `test/bin/release` resolves it with parameter values and
 * compares the result with what the app synthesizes for the same settings.
 */
import { upstreamOf } from '../../lib/agent/image-copies.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import type { Choice, Variant } from './choices.ts';
import type { CodeKeys } from './code.ts';
import {
  type CfnTemplate,
  equal,
  ifThen,
  isArray,
  isObject,
  type Json,
  type JsonObject,
  joined,
  NO_VALUE,
  objectsIn,
  ref,
} from './json.ts';
import { mergeVariants } from './merge.ts';
import { overlay } from './overlay.ts';
import {
  EGRESS,
  IDLE_POLL_SECONDS,
  METADATA,
  OLDEST_QUEUED_MINUTES,
  PARAMETERS,
  RULES,
  SCHEDULE_MINUTES,
} from './parameters.ts';
import { synthesizeStandalone } from './synthesize.ts';

const is = (name: string, value: string): JsonObject => ({ 'Fn::Equals': [ref(name), value] });
const not = (condition: JsonObject): JsonObject => ({ 'Fn::Not': [condition] });
const and = (...conditions: JsonObject[]): JsonObject => ({ 'Fn::And': conditions });
const or = (...conditions: JsonObject[]): JsonObject => ({ 'Fn::Or': conditions });

/** A choice whose values are those of a parameter. */
function choiceOf(parameter: string, values: readonly (string | number)[]): Choice {
  return {
    name: parameter,
    parameter,
    conditions: Object.fromEntries(
      values.map((value) => [
        String(value),
        { name: `${parameter}Is${camel(String(value))}`, is: is(parameter, String(value)) },
      ]),
    ),
  };
}

const camel = (text: string): string =>
  text
    .split(/[^A-Za-z0-9]+/)
    .map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`)
    .join('');

/** A choice between two values, from one condition. */
function flag(name: string, condition: JsonObject): Choice {
  return {
    name,
    conditions: {
      true: { name, is: condition },
      false: { name: `Not${name}`, is: { 'Fn::Not': [{ Condition: name }] } },
    },
  };
}

const LIMITS_DOMAINS = flag(
  'LimitsDomains',
  or(is('DnsFirewall', 'true'), and(is('DnsFirewall', 'default'), not(is('Egress', 'existing-vpc')))),
);
const HAS_GROUPS = flag('HasSecurityGroups', not(is('SecurityGroupIds', '')));
const COPIES_IMAGE = flag('CopiesImage', is('EcrImage', ''));
const HAS_NUDGE = flag('HasNudge', not(is('NudgeHmacKeySecret', '')));

const HAS_NO_TOPIC = and(is('AlarmEmail', ''), is('AlarmTopicArn', ''));
const ALARM_TOPIC: Choice = {
  name: 'AlarmTopic',
  conditions: {
    none: { name: 'HasNoAlarmTopic', is: HAS_NO_TOPIC },
    email: { name: 'HasAlarmEmail', is: not(is('AlarmEmail', '')) },
    arn: { name: 'HasAlarmTopicArn', is: not(is('AlarmTopicArn', '')) },
  },
};

const NETWORK = [
  choiceOf('Egress', EGRESS),
  choiceOf('NatGateways', ['one', 'all']),
  LIMITS_DOMAINS,
  HAS_GROUPS,
  COPIES_IMAGE,
  choiceOf('Architecture', ['x86_64', 'arm64']),
];
/** All of these choices affect the list of alarms on the dashboard. */
const ALARMS = [HAS_NUDGE, choiceOf('IdlePollSeconds', IDLE_POLL_SECONDS), choiceOf('PolicySweeps', ['true', 'false'])];
const TOPIC = [ALARM_TOPIC, choiceOf('AuditEvents', ['true', 'false'])];
const SCHEDULE = [choiceOf('ScheduleMinutes', SCHEDULE_MINUTES)];
const OLDEST = [choiceOf('OldestQueuedMinutes', OLDEST_QUEUED_MINUTES)];

/** The value of every choice. */
type Of = Readonly<Record<string, string>>;

/** The values of the parameters' defaults. */
const DEFAULTS: Of = {
  Egress: 'nat-gateway',
  NatGateways: 'one',
  LimitsDomains: 'true',
  HasSecurityGroups: 'false',
  CopiesImage: 'true',
  Architecture: 'x86_64',
  HasNudge: 'false',
  AlarmTopic: 'arn',
  AuditEvents: 'true',
  IdlePollSeconds: '60',
  ScheduleMinutes: '1',
  OldestQueuedMinutes: '15',
  PolicySweeps: 'true',
};

const INSIDE = {
  copied: `registry--host.example/repository--name/agent@sha256:${'0'.repeat(64)}`,
  ecr: `123456789012.dkr.ecr.eu-north-9.amazonaws.com/repository--name/agent@sha256:${'1'.repeat(64)}`,
  domains: ['allowed--1.example', 'allowed--2.example', 'allowed--3.example'],
  policy: 'arn:aws:iam::aws:policy/policy--name',
  topic: 'arn:aws:sns:eu-north-9:123456789012:topic--name',
  email: 'e-mail--name@host.example',
  boundary: 'arn:aws:iam::123456789012:policy/boundary--name',
  vpc: 'vpc-0fedcba9876543210',
  subnet: 'subnet-0fedcba9876543210',
  group: 'sg-0fedcba9876543210',
};

/**
 * Settings with a placeholder for every value that is a parameter. Placeholders contain characters that logical IDs can't contain,
 * so that a placeholder in an ID doesn't look like one.
 */
function settingsOf(of: Of): object {
  const limits = of['LimitsDomains'] === 'true';
  return {
    stackName: 'stack--name',
    hostname: 'host--name.example',
    organization: 'organization--name',
    apiTokenSecret: 'api--token--name',
    pools: [
      {
        name: 'agent_-_pool',
        id: 'apool-0pool0id0',
        agentTokenSecret: 'agent--token--name',
        maxAgents: 991,
        cpu: 16_384,
        memoryMiB: 114_688,
        ephemeralStorageGiB: 197,
        architecture: of['Architecture'],
        taskRolePolicyArns: [INSIDE.policy],
        policySweeps: of['PolicySweeps'] === 'true',
      },
    ],
    agentImage:
      of['CopiesImage'] === 'true'
        ? { registry: INSIDE.copied, copy: true, credentialsSecret: 'registry--login--name' }
        : { registry: INSIDE.ecr },
    network: {
      egress: of['Egress'],
      dnsFirewall: limits,
      ...(limits && { allowedDomains: INSIDE.domains }),
      ...(of['Egress'] === 'nat-gateway' && { natGateways: of['NatGateways'] }),
      ...(of['Egress'] === 'existing-vpc' && {
        vpcId: INSIDE.vpc,
        subnetIds: [INSIDE.subnet],
        ...(of['HasSecurityGroups'] === 'true' && { securityGroupIds: [INSIDE.group] }),
      }),
    },
    agentsCeiling: 9973,
    scheduleMinutes: Number(of['ScheduleMinutes']),
    activePollSeconds: 53,
    idlePollSeconds: Number(of['IdlePollSeconds']),
    idleWindowSeconds: 3331,
    startDeadlineSeconds: 3307,
    reservedConcurrency: 7,
    logRetentionDays: 2557,
    oldestQueuedMinutes: Number(of['OldestQueuedMinutes']),
    ...(of['AlarmTopic'] === 'email' && { alarmEmail: INSIDE.email }),
    ...(of['AlarmTopic'] === 'arn' && { alarmTopicArn: INSIDE.topic }),
    auditEvents: of['AuditEvents'] === 'true',
    roles: { permissionsBoundary: INSIDE.boundary },
    ...(of['HasNudge'] === 'true' && { nudge: { hmacKeySecret: 'hmac--key--name', reservedConcurrency: 97 } }),
  };
}

/** All combinations of the values of some choices that make sense. The others have their defaults. */
function combinations(choices: readonly Choice[]): Of[] {
  const all = choices.reduce<Of[]>(
    (known, { name, conditions }) =>
      known.flatMap((of) => Object.keys(conditions).map((value) => ({ ...of, [name]: value }))),
    [DEFAULTS],
  );
  return all.filter(
    ({ Egress, NatGateways, HasSecurityGroups, HasNudge, IdlePollSeconds, ScheduleMinutes }) =>
      (Egress === 'nat-gateway' || NatGateways === 'one') &&
      (Egress === 'existing-vpc' || HasSecurityGroups === 'false') &&
      (IdlePollSeconds === '60' || ScheduleMinutes === '1' || HasNudge === 'true'),
  );
}

const when = (condition: string, value: Json): JsonObject => ifThen(condition, value, NO_VALUE);
const select = (index: number, delimiter: string, of: Json): JsonObject => ({
  'Fn::Select': [index, { 'Fn::Split': [delimiter, of] }],
});

/**
 * The parameter, followed by what separates its parts. CloudFormation may evaluate a function whose value it doesn't use, and
 * `Fn::Select` fails if there is no such part, as in an empty parameter.
 */
const ecrImage = (separators: string): Json => joined([ref('EcrImage'), separators]);

/** Account, region and repository in the reference of an image in ECR: `<account>.dkr.ecr.<region>.amazonaws.com/<repository>…`. */
const ECR = {
  host: select(0, '/', ref('EcrImage')),
  account: select(0, '.', ref('EcrImage')),
  region: select(3, '.', ecrImage('...')),
  repository: select(0, '@', select(0, ':', select(1, '.com/', ecrImage('.com/')))),
};

/** Conditions of parameters that may be empty. */
const GIVEN: Readonly<Record<string, JsonObject>> = Object.fromEntries(
  [
    'PoolId',
    'EphemeralStorageGiB',
    'TaskRolePolicyArns',
    'ImageCredentialsSecret',
    'AgentsCeiling',
    'ReservedConcurrency',
    'AlarmTopicArn',
    'PermissionsBoundary',
  ].map((name) => [`Has${name}`, not(is(name, ''))]),
);

/** Placeholders inside text, in the order in which they are looked for. */
function placeholders(): readonly (readonly [text: string, value: Json])[] {
  const copied = upstreamOf(INSIDE.copied);
  const digest = copied.Reference;
  const ecr = { account: '123456789012', region: 'eu-north-9' };
  return [
    [`,"id":"apool-0pool0id0"`, ifThen('HasPoolId', joined([',"id":"', ref('PoolId'), '"']), '')],
    ['agent_-_pool', ref('PoolName')],
    ['stack--name', ref('AWS::StackName')],
    ['host--name.example', ref('Hostname')],
    ['organization--name', ref('Organization')],
    ['api--token--name', ref('ApiTokenSecret')],
    ['agent--token--name', ref('AgentTokenSecret')],
    ['registry--login--name', ref('ImageCredentialsSecret')],
    ['hmac--key--name', ref('NudgeHmacKeySecret')],
    [INSIDE.email, ref('AlarmEmail')],
    [INSIDE.topic, ref('AlarmTopicArn')],
    [INSIDE.ecr, ref('EcrImage')],
    [
      `arn:aws:ecr:${ecr.region}:${ecr.account}:repository/repository--name/agent`,
      joined(['arn:', ref('AWS::Partition'), ':ecr:', ECR.region, ':', ECR.account, ':repository/', ECR.repository]),
    ],
    [`${ecr.account}.dkr.ecr.${ecr.region}.amazonaws.com`, ECR.host],
    [`api.ecr.${ecr.region}.amazonaws.com`, joined(['api.ecr.', ECR.region, '.amazonaws.com'])],
    [
      `prod-${ecr.region}-starport-layer-bucket.s3.${ecr.region}.amazonaws.com`,
      joined(['prod-', ECR.region, '-starport-layer-bucket.s3.', ECR.region, '.amazonaws.com']),
    ],
    [copied.Registry, ref('ImageRegistry')],
    [copied.Repository, ref('ImageRepository')],
    [digest, ref('ImageReference')],
    [INSIDE.vpc, ref('VpcId')],
    [INSIDE.subnet, ref('SubnetIds')],
    [INSIDE.group, ref('SecurityGroupIds')],
    ['"maxAgents":991', joined(['"maxAgents":', ref('MaxAgents')])],
    ['"value":991', joined(['"value":', ref('MaxAgents')])],
  ];
}

/** Placeholders that are a complete value: of the property with this name, or of every property. */
const VALUES: readonly (readonly [placeholder: Json, value: Json, property?: string])[] = [
  ['16384', ref('Cpu'), 'Cpu'],
  ['114688', ref('MemoryMiB'), 'Memory'],
  [{ SizeInGiB: 197 }, when('HasEphemeralStorageGiB', { SizeInGiB: ref('EphemeralStorageGiB') })],
  [[INSIDE.policy], when('HasTaskRolePolicyArns', { 'Fn::Split': [',', ref('TaskRolePolicyArns')] })],
  [[INSIDE.subnet], { 'Fn::Split': [',', ref('SubnetIds')] }],
  [[INSIDE.group], { 'Fn::Split': [',', ref('SecurityGroupIds')] }],
  [INSIDE.boundary, when('HasPermissionsBoundary', ref('PermissionsBoundary'))],
  ['9973', when('HasAgentsCeiling', ref('AgentsCeiling'))],
  ['53', ref('ActivePollSeconds'), 'ACTIVE_POLL_SECONDS'],
  ['3331', ref('IdleWindowSeconds'), 'Value'],
  ['3307', ref('StartDeadlineSeconds'), 'START_DEADLINE_SECONDS'],
  [7, when('HasReservedConcurrency', ref('ReservedConcurrency')), 'ReservedConcurrentExecutions'],
  [97, ref('NudgeReservedConcurrency'), 'ReservedConcurrentExecutions'],
  [2557, ref('LogRetentionDays'), 'RetentionInDays'],
  ['registry--login--name', when('HasImageCredentialsSecret', ref('ImageCredentialsSecret')), 'CredentialsSecret'],
];

/** What must not remain in the finished template. */
const REMAINS =
  /\w--\w|_-_|0pool0id0|eu-north-9|0fedcba9876543210|0{64}|1{64}|(?<![\d.])(?:991|114688|197|9973|3331|3307|2557)(?![\d.])/;

function replaced(value: Json, property: string, tag: string): Json {
  const whole = VALUES.find(
    ([placeholder, , only]) => equal(placeholder, value) && (only === undefined || only === property),
  );
  if (whole !== undefined) return whole[1];
  if (typeof value === 'string') return inText(value, tag);
  if (isArray(value)) return inList(value, property, tag);
  if (!isObject(value)) return value;
  // IDs of resources aren't text.
  if ('Ref' in value || 'Fn::GetAtt' in value || 'Condition' in value) {
    if (Object.keys(value).length === 1) return value;
  }
  const { 'Fn::Join': join } = value;
  if (join !== undefined && isArray(join) && join[0] === '' && isArray(join[1])) {
    return joined(flattened(join[1].map((part) => replaced(part, property, tag))));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === 'DependsOn' || (key === 'Condition' && typeof inner === 'string')
        ? inner
        : replaced(inner, key.startsWith('Fn::') ? property : key, tag),
    ]),
  );
}

/** Joins inside of a join, as one join. */
function flattened(parts: readonly Json[]): Json[] {
  return parts.flatMap((part) => {
    const inner = isObject(part) ? part['Fn::Join'] : undefined;
    return inner !== undefined && isArray(inner) && inner[0] === '' && isArray(inner[1]) ? [...inner[1]] : [part];
  });
}

function inList(value: readonly Json[], property: string, tag: string): Json {
  const domains: readonly Json[] = INSIDE.domains;
  if (value.some((item) => domains.includes(item))) {
    const fixed = value.filter((item) => !domains.includes(item)).map((item) => replaced(item, property, tag));
    return { 'Fn::Split': [',', { 'Fn::Join': [',', [...fixed, ref('AllowedDomains')]] }] };
  }
  return value.map((item) => {
    const inner = replaced(item, property, tag);
    // A statement that only the login for the registry needs.
    const isLogin = isObject(item) && 'Effect' in item && JSON.stringify(item).includes('registry--login--name');
    return isLogin ? when('HasImageCredentialsSecret', inner) : inner;
  });
}

function inText(text: string, tag: string): Json {
  let parts: Json[] = [text];
  const tags: (readonly [string, Json])[] = ['amd64', 'arm64'].map((architecture) => [
    `${architecture}-${tag}`,
    // A digest contains a colon, but a tag can't.
    joined([`${architecture}-`, { 'Fn::Join': ['-', { 'Fn::Split': [':', ref('ImageReference')] }] }]),
  ]);
  for (const [placeholder, value] of [...tags, ...placeholders()]) {
    parts = parts.flatMap((part) => {
      if (typeof part !== 'string' || !part.includes(placeholder)) return [part];
      return part.split(placeholder).flatMap((piece, index) => {
        const pieces: Json[] = piece === '' ? [] : [piece];
        return index === 0 ? pieces : [value, ...pieces];
      });
    });
  }
  return joined(flattened(parts));
}

/** Only the conditions that something refers to. */
function pruned(template: CfnTemplate): CfnTemplate {
  const { Conditions = {}, ...rest } = template;
  const used = new Set<string>();
  const visit = (value: Json): void => {
    if (isArray(value)) value.forEach(visit);
    if (!isObject(value)) return;
    for (const [key, inner] of Object.entries(value)) {
      const name = key === 'Condition' ? inner : key === 'Fn::If' && isArray(inner) ? inner[0] : undefined;
      if (typeof name === 'string' && !used.has(name)) {
        used.add(name);
        const condition = Conditions[name];
        if (condition !== undefined) visit(condition);
      }
      visit(inner);
    }
  };
  for (const section of Object.values(rest)) visit(section);
  return {
    ...rest,
    Conditions: Object.fromEntries(
      Object.entries(Conditions)
        .filter(([name]) => used.has(name))
        .sort(),
    ),
  };
}

/**
 * The release template.
 *
 * @param context of `cdk.json`
 * @throws if a placeholder remains, or if two choices affect the same value, so that their variants must be merged together
 */
export function releaseTemplate(
  code: CodeKeys,
  version: string,
  context: Readonly<Record<string, unknown>>,
): CfnTemplate {
  const known = new Map<string, CfnTemplate>();
  const variantOf = (of: Of): Variant => {
    const key = JSON.stringify(of);
    const cached = known.get(key);
    if (cached !== undefined) return { of, template: cached };
    const synthesized = synthesizeStandalone(parseSettings({ agentLauncher: settingsOf(of) }), code, context).template;
    // The alarms of every variant get the same topic: other choices decide which alarms there are.
    const template = { ...synthesized, Resources: withActions(synthesized.Resources, [INSIDE.topic]) };
    known.set(key, template);
    return { of, template };
  };
  const base = mergeVariants([], [variantOf(DEFAULTS)]);
  const merged = [NETWORK, ALARMS, TOPIC, SCHEDULE, OLDEST]
    .map((choices) => mergeVariants(choices, combinations(choices).map(variantOf)))
    .reduce((one, other) => overlay(base, one, other));

  const tag = tagIn(base);
  const { Resources, Outputs, Mappings = {}, Conditions = {} } = merged;
  const finished = pruned({
    Description: `agent-launcher ${version}: ephemeral HCP Terraform agents, one Fargate task per queued job`,
    Metadata: METADATA,
    Parameters: PARAMETERS,
    Rules: RULES,
    ...(Object.keys(Mappings).length > 0 && { Mappings }),
    Conditions: { ...GIVEN, ...Conditions },
    Resources: objectsIn(replaced(withActions(Resources, topicsOf(Resources)), '', tag), 'Resources'),
    Outputs: { ...objectsIn(replaced(Outputs, '', tag), 'Outputs'), ...roleOutputs(Resources) },
  });
  checkFinished(finished);
  return finished;
}

/** The alarms with this list of topics, and the other resources. */
function withActions(resources: CfnTemplate['Resources'], topics: Json): CfnTemplate['Resources'] {
  return Object.fromEntries(
    Object.entries(resources).map(([id, resource]) => {
      const { Type, Properties = {} } = resource;
      if (Type !== 'AWS::CloudWatch::Alarm' || !isObject(Properties)) return [id, resource];
      return [id, { ...resource, Properties: { ...Properties, AlarmActions: topics, OKActions: topics } }];
    }),
  );
}

/** The topic that the stack creates, the topic in the parameter, or none. */
function topicsOf(resources: CfnTemplate['Resources']): Json {
  const [created] = Object.entries(resources).flatMap(([id, { Type }]) => (Type === 'AWS::SNS::Topic' ? [id] : []));
  if (created === undefined) throw new Error('The template has no topic.');
  return ifThen('HasAlarmEmail', [ref(created)], when('HasAlarmTopicArn', [ref('AlarmTopicArn')]));
}

/** Outputs with which users grant permissions to Terraform outside of the stack. */
function roleOutputs(resources: CfnTemplate['Resources']): CfnTemplate['Outputs'] {
  const [role] = Object.keys(resources).filter((id) => /TaskRole[0-9A-F]{8}$/.test(id));
  if (role === undefined) throw new Error('The template has no task role.');
  return {
    TaskRoleName: { Description: 'Role of Terraform in AWS; attach policies to it', Value: ref(role) },
    TaskRoleArn: { Description: 'Role of Terraform in AWS', Value: { 'Fn::GetAtt': [role, 'Arn'] } },
  };
}

/** The hash in the tag of the copied image. */
function tagIn({ Resources }: CfnTemplate): string {
  const copy = Object.values(Resources).find(({ Type }) => Type === 'Custom::ImageCopy');
  const properties = copy?.['Properties'];
  const tag = isObject(properties) ? properties['TargetTag'] : undefined;
  if (typeof tag !== 'string') throw new Error('The template copies no image.');
  return tag.replace(/^\w+-/, '');
}

function checkFinished(template: CfnTemplate): void {
  const { Resources, Outputs, Mappings } = template;
  const text = JSON.stringify({ Resources, Outputs, Mappings });
  const found = REMAINS.exec(text);
  if (found !== null) {
    const near = text.slice(Math.max(0, found.index - 80), found.index + 80);
    throw new Error(`The placeholder ${found[0]} remains in the template: …${near}…`);
  }
}
