/**
 * The parameters of the release template. A parameter that carries the value of one setting has the description, bounds and default of the
 * setting's schema. Patterns are written here, because CloudFormation checks text with nothing else.
 */
import * as z from 'zod';
import { dollars, idleNetworkCost, total } from '../../lib/aws/costs.ts';
import { FARGATE_CPU, fargateMemoryMiB } from '../../lib/aws/fargate-size.ts';
import { DEFAULT_AGENT_VERSION, DEFAULT_HOSTNAME } from '../../lib/defaults.ts';
import { defaultNames } from '../../lib/network/allowed-domains.ts';
import { RETENTION_DAYS } from '../../lib/settings/fields.ts';
import { settingAt } from '../../lib/settings/schema.ts';
import type { Json, JsonObject } from './json.ts';
import { CODE_BUCKET, CODE_PARAMETERS, CODE_PREFIX } from './standalone-synthesizer.ts';

/** Values that the template offers for a setting from which AWS's properties have to be calculated, because templates can't calculate. */
export const SCHEDULE_MINUTES = [1, 2, 5, 10, 15] as const;
export const OLDEST_QUEUED_MINUTES = [5, 10, 15, 30, 60, 120] as const;
export const IDLE_POLL_SECONDS = [60, 30, 10, 5] as const;

/** The egress modes that the template offers. */
export const EGRESS = ['nat-gateway', 'public-ip', 'existing-vpc'] as const;

interface Parameter {
  /** Title in the console. */
  readonly label: string;
  /** The setting, as in docs/settings.md. */
  readonly setting?: string;
  readonly template: JsonObject;
}

interface Group {
  readonly label: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
}

const EMPTY_MEANS = (meaning: string) => ` Empty: ${meaning}.`;

/** A parameter for a setting, with the setting's texts, bounds and default. */
function of(setting: string, label: string, template: JsonObject, empty?: string): Parameter {
  const { schema, fallback, doc } = settingAt(setting.replaceAll('[]', '.0').split('.'), {
    network: { egress: 'existing-vpc' },
  });
  if (doc === undefined) throw new Error(`There is no setting ${setting}.`);
  const number =
    schema instanceof z.ZodNumber && template['Type'] === 'Number' && template['AllowedValues'] === undefined;
  return {
    label,
    setting,
    template: {
      Description: `${doc.description}${empty === undefined ? '' : EMPTY_MEANS(empty)}`,
      ...(number && { MinValue: Number(schema.minValue), MaxValue: Number(schema.maxValue) }),
      ...(fallback !== undefined && { Default: template['Type'] === 'Number' ? Number(fallback) : String(fallback) }),
      ...(template['AllowedPattern'] !== undefined && {
        ConstraintDescription: `${empty === undefined ? '' : 'empty, or '}${doc.allowed}`.slice(0, 4000),
      }),
      ...template,
    },
  };
}

const text = (AllowedPattern: string, more: JsonObject = {}): JsonObject => ({
  Type: 'String',
  AllowedPattern,
  ...more,
});
const optional = (pattern: string): JsonObject => text(`^(?:${pattern})?$`, { Default: '' });
const list = (item: string, most: number): string => `${item}(?:,${item}){0,${most - 1}}`;
const oneOf = (values: readonly (string | number)[], Default?: string): JsonObject => ({
  Type: values.every((value) => typeof value === 'number') ? 'Number' : 'String',
  AllowedValues: [...values],
  ...(Default !== undefined && { Default }),
});

/** A name, not an ARN, because policies need different texts for both. A name that ends like an ARN is ambiguous for ECS. */
const SECRET_NAME = '(?!.*\\.atlasv1\\.)(?!.*-[A-Za-z0-9]{6}$)[A-Za-z0-9/_+=.@-]{1,512}';
const SECRET_NAME_IS = {
  ConstraintDescription:
    'the name of a secret in this account and region: never its value, and not its ARN. The name must not end in a hyphen and six letters or digits',
};
const HOST = String.raw`[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+`;

/** The domains of HCP Terraform, in addition to its hostname. */
const DEFAULT_DOMAINS = defaultNames(DEFAULT_HOSTNAME).slice(1).join();

/** Every size of a task's memory that some CPU value allows. */
const MEMORY_MIB = [...new Set(FARGATE_CPU.flatMap((cpu) => fargateMemoryMiB(cpu)))].sort((a, b) => a - b);

const GROUPS: readonly Group[] = [
  {
    label: 'HCP Terraform',
    parameters: {
      Organization: of('organization', 'Organization', text('^[A-Za-z0-9][A-Za-z0-9_-]*$')),
      Hostname: {
        label: 'Hostname',
        setting: 'hostname',
        template: text(`^(?=.{1,253}$)${HOST}$`, {
          Description: 'Hostname of HCP Terraform or Terraform Enterprise.',
          ConstraintDescription:
            'a fully qualified, lower-case hostname without scheme, path and port. The template supports port 443 only',
          Default: DEFAULT_HOSTNAME,
        }),
      },
      ApiTokenSecret: of('apiTokenSecret', 'Secret with the API token', text(`^${SECRET_NAME}$`, SECRET_NAME_IS)),
    },
  },
  {
    label: 'Agent pool',
    parameters: {
      PoolName: of('pools[].name', 'Pool', text('^[A-Za-z0-9_-]{1,90}$')),
      PoolId: of(
        'pools[].id',
        'ID of the pool',
        optional('apool-[A-Za-z0-9]+'),
        'the launcher looks it up by the name',
      ),
      AgentTokenSecret: of(
        'pools[].agentTokenSecret',
        'Secret with the agent token',
        text(`^${SECRET_NAME}$`, SECRET_NAME_IS),
      ),
      MaxAgents: of('pools[].maxAgents', 'Maximum number of agents', { Type: 'Number' }),
      Cpu: of('pools[].cpu', 'CPU units of an agent', oneOf(FARGATE_CPU)),
      MemoryMiB: of('pools[].memoryMiB', 'Memory of an agent in MiB', oneOf(MEMORY_MIB)),
      EphemeralStorageGiB: of(
        'pools[].ephemeralStorageGiB',
        'Disk of an agent in GiB',
        optional(String.raw`2[1-9]|[3-9]\d|1\d\d|200`),
        '20 GiB',
      ),
      Architecture: of('pools[].architecture', 'CPU architecture of an agent', oneOf(['x86_64', 'arm64'])),
      TaskRolePolicyArns: of(
        'pools[].taskRolePolicyArns',
        'Policies of Terraform in AWS',
        optional(list(String.raw`arn:aws[a-z-]*:iam::(?:aws|\d{12}):policy/[\w+=.@/-]+`, 10)),
        'Terraform has no permissions in AWS. You can also attach policies to the role in the output TaskRoleName',
      ),
      PolicySweeps: of('pools[].policySweeps', 'Agents for policy evaluations', oneOf(['true', 'false'])),
    },
  },
  {
    label: 'Image of the agents',
    parameters: {
      ImageRegistry: {
        label: 'Registry',
        setting: 'agentImage.registry',
        template: text(String.raw`^${HOST}(?::\d{1,5})?$`, {
          Description:
            'Host of the registry from which the deployment copies the image into an ECR repository of the stack. Docker Hub is registry-1.docker.io.',
          ConstraintDescription: 'the host of a registry on the internet, with an optional port',
          Default: 'registry-1.docker.io',
        }),
      },
      ImageRepository: {
        label: 'Repository',
        setting: 'agentImage.registry',
        template: text('^[a-z0-9][a-z0-9._/-]{0,254}$', {
          Description: 'Repository of the image in the registry.',
          ConstraintDescription: 'the name of a repository without host, tag and digest, such as hashicorp/tfc-agent',
          Default: 'hashicorp/tfc-agent',
        }),
      },
      ImageReference: {
        label: 'Digest or tag',
        setting: 'agentImage.registry',
        template: text('^(?:sha256:[0-9a-f]{64}|(?!latest$)[A-Za-z0-9_][A-Za-z0-9._-]{0,127})$', {
          Description:
            'Digest of the image (recommended), or its tag. The agent must be 1.21.1 or newer. A tag is copied once: another image with the same tag is not noticed.',
          ConstraintDescription: 'sha256: and 64 hexadecimal digits, or a tag other than latest',
          Default: DEFAULT_AGENT_VERSION,
        }),
      },
      ImageCredentialsSecret: of(
        'agentImage.credentialsSecret',
        'Secret with the login for the registry',
        text(`^(?:${SECRET_NAME})?$`, {
          Default: '',
          ConstraintDescription: `empty, or ${SECRET_NAME_IS.ConstraintDescription}`,
        }),
        'anonymous access',
      ),
      EcrImage: {
        label: 'Image in ECR, instead of a copy',
        setting: 'agentImage.copy',
        template: text(
          String.raw`^(?:\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/[a-z0-9][a-z0-9._/-]*(?:@sha256:[0-9a-f]{64}|:(?!latest$)[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?$`,
          {
            Description:
              'Image that agents pull from an ECR repository of yours. The deployment then copies nothing, and ignores the four parameters above. Empty: the deployment copies the image.',
            ConstraintDescription:
              'empty, or the complete reference of an image in ECR, with a digest (recommended) or a tag other than latest',
            Default: '',
          },
        ),
      },
    },
  },
  {
    label: 'Network',
    parameters: {
      Egress: {
        label: 'Egress mode',
        setting: 'network.egress',
        template: {
          ...oneOf(EGRESS, 'nat-gateway'),
          Description: `How traffic of the agents leaves. nat-gateway: a new VPC with private subnets and a NAT gateway, which costs ${dollars(total(idleNetworkCost({ natGateways: 1 })))} per month in us-east-1 while nothing runs. public-ip: a new VPC with public subnets, almost free while nothing runs. existing-vpc: your VPC.`,
        },
      },
      NatGateways: {
        label: 'NAT gateways',
        setting: 'network.natGateways',
        template: {
          ...oneOf(['one', 'all'], 'one'),
          Description: 'With nat-gateway: one NAT gateway for both zones, or one per zone.',
        },
      },
      DnsFirewall: {
        label: 'DNS Firewall',
        setting: 'network.dnsFirewall',
        template: {
          ...oneOf(['default', 'true', 'false'], 'default'),
          Description:
            'Whether Route 53 Resolver DNS Firewall limits DNS to the allowed domains. It applies to the whole VPC. default: false with existing-vpc, and true with the other modes.',
        },
      },
      AllowedDomains: {
        label: 'Allowed domains',
        setting: 'network.allowedDomains',
        template: text(`^${list(String.raw`(?:\*\.)?${HOST}`, 100)}$`, {
          Description:
            'Domains that agents can reach, separated by commas, if DNS Firewall is on. Hostname and what a starting task needs are always allowed, so do not repeat them. *.example.com allows every name below example.com. If Terraform manages resources in AWS, add the hostnames of its APIs.',
          ConstraintDescription: 'up to 100 lower-case domains, separated by commas without spaces',
          Default: DEFAULT_DOMAINS,
        }),
      },
      VpcId: of('network.vpcId', 'VPC (existing-vpc)', optional('vpc-(?:[0-9a-f]{8}|[0-9a-f]{17})'), 'a new VPC'),
      SubnetIds: of(
        'network.subnetIds',
        'Subnets (existing-vpc)',
        optional(list('subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})', 16)),
        'new subnets',
      ),
      SecurityGroupIds: of(
        'network.securityGroupIds',
        'Security groups (existing-vpc)',
        optional(list('sg-(?:[0-9a-f]{8}|[0-9a-f]{17})', 5)),
        'a new group that blocks inbound traffic and allows outbound TCP 443',
      ),
    },
  },
  {
    label: 'Polling and limits',
    parameters: {
      ScheduleMinutes: of('scheduleMinutes', 'Minutes between two invocations', oneOf(SCHEDULE_MINUTES)),
      ActivePollSeconds: of(
        'activePollSeconds',
        'Seconds between two polls while something is queued or runs',
        text(String.raw`^(?:0|[5-9]|[1-5]\d|60)$`),
      ),
      IdlePollSeconds: of('idlePollSeconds', 'Seconds between two polls while nothing runs', oneOf(IDLE_POLL_SECONDS)),
      IdleWindowSeconds: of('idleWindowSeconds', 'Seconds that an agent waits for a job', { Type: 'Number' }),
      StartDeadlineSeconds: of('startDeadlineSeconds', 'Seconds that an agent may take to register', {
        Type: 'Number',
      }),
      AgentsCeiling: of(
        'agentsCeiling',
        'Organization agent limit',
        optional(String.raw`[1-9]\d{0,3}|10000`),
        'no limit except MaxAgents',
      ),
      ReservedConcurrency: of(
        'reservedConcurrency',
        'Reserved concurrency of the launcher',
        optional('[1-9]|10'),
        'no reservation',
      ),
    },
  },
  {
    label: 'Nudge',
    parameters: {
      NudgeHmacKeySecret: of(
        'nudge.hmacKeySecret',
        'Secret with the HMAC key',
        text(`^(?:${SECRET_NAME})?$`, {
          Default: '',
          ConstraintDescription: `empty, or ${SECRET_NAME_IS.ConstraintDescription}`,
        }),
        'no URL at which HCP Terraform announces runs',
      ),
      NudgeReservedConcurrency: of('nudge.reservedConcurrency', 'Reserved concurrency of the nudge', {
        Type: 'Number',
      }),
    },
  },
  {
    label: 'Monitoring',
    parameters: {
      LogRetentionDays: of('logRetentionDays', 'Log retention in days', oneOf(RETENTION_DAYS)),
      OldestQueuedMinutes: of(
        'oldestQueuedMinutes',
        'Minutes that a job may wait before an alarm',
        oneOf(OLDEST_QUEUED_MINUTES),
      ),
      AlarmTopicArn: of(
        'alarmTopicArn',
        'SNS topic for alarms',
        optional(String.raw`arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}`),
        'alarms are visible in CloudWatch only',
      ),
      AlarmEmail: of(
        'alarmEmail',
        'E-mail address for alarms',
        optional(String.raw`[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`),
        'the template creates no topic',
      ),
      AuditEvents: of('auditEvents', 'Messages about calls of others', oneOf(['true', 'false'], 'true')),
    },
  },
  {
    label: 'Roles',
    parameters: {
      PermissionsBoundary: of(
        'roles.permissionsBoundary',
        'Permissions boundary',
        text(String.raw`^(?:arn:aws[a-z-]*:iam::(?:aws|\d{12}):policy/[\w+=,.@/-]+)?$`, {
          Default: '',
          ConstraintDescription: 'empty, or the ARN of a managed policy',
        }),
        'no boundary',
      ),
    },
  },
  {
    label: 'Code of the functions',
    parameters: {
      [CODE_BUCKET]: { label: 'Bucket', template: CODE_PARAMETERS[CODE_BUCKET] },
      [CODE_PREFIX]: { label: 'Folder', template: CODE_PARAMETERS[CODE_PREFIX] },
    },
  },
];

const ALL: Readonly<Record<string, Parameter>> = Object.assign({}, ...GROUPS.map(({ parameters }) => parameters));

/** The template's section `Parameters`. */
export const PARAMETERS: Readonly<Record<string, JsonObject>> = Object.fromEntries(
  Object.entries(ALL).map(([name, { template }]) => [name, template]),
);

/** The settings that parameters carry, each with its parameters. */
export const SETTINGS_OF_PARAMETERS: ReadonlyMap<string, readonly string[]> = new Map(
  [...Map.groupBy(Object.entries(ALL), ([, { setting }]) => setting)].flatMap(([setting, its]) =>
    setting === undefined ? [] : [[setting, its.map(([name]) => name)]],
  ),
);

/**
 * Findings of cfn-lint that are wrong for this template. W3005: the CDK writes a DependsOn even if there is a reference to the same
 * resource. W1030: an empty VpcId is used only if Egress is existing-vpc, and a rule of the template refuses this combination.
 */
const CFN_LINT = { config: { ignore_checks: ['W3005', 'W1030'] } };

/** Metadata of the template: groups and titles of the parameters in the console, and what cfn-lint ignores. */
export const METADATA: JsonObject = {
  'cfn-lint': CFN_LINT,
  'AWS::CloudFormation::Interface': {
    ParameterGroups: GROUPS.map(({ label, parameters }) => ({
      Label: { default: label },
      Parameters: Object.keys(parameters),
    })),
    ParameterLabels: Object.fromEntries(Object.entries(ALL).map(([name, { label }]) => [name, { default: label }])),
  },
};

const ref = (Ref: string): JsonObject => ({ Ref });
const is = (name: string, value: Json): JsonObject => ({ 'Fn::Equals': [ref(name), value] });
const not = (condition: JsonObject): JsonObject => ({ 'Fn::Not': [condition] });

function rule(
  condition: JsonObject | undefined,
  ...assertions: readonly (readonly [assert: JsonObject, text: string])[]
): JsonObject {
  return {
    ...(condition !== undefined && { RuleCondition: condition }),
    Assertions: assertions.map(([Assert, AssertDescription]) => ({ Assert, AssertDescription })),
  };
}

/** Invocations by messages: one scheduled invocation and two by messages may run at the same time. */
const CAN_WAKE_UP = not({ 'Fn::Contains': [['1', '2'], ref('ReservedConcurrency')] });
const CONCURRENCY = 'a ReservedConcurrency of at least 3, or none. Otherwise Lambda would refuse invocations.';

/** The checks that compare parameters. CloudFormation evaluates them before it creates or changes anything. */
export const RULES: Readonly<Record<string, JsonObject>> = {
  ...Object.fromEntries(
    FARGATE_CPU.map((cpu) => {
      const sizes = fargateMemoryMiB(cpu);
      return [
        `MemoryForCpu${cpu}`,
        rule(is('Cpu', String(cpu)), [
          { 'Fn::Contains': [sizes.map(String), ref('MemoryMiB')] },
          `With Cpu ${cpu}, Fargate offers these values of MemoryMiB: ${sizes.join(', ')}.`,
        ]),
      ];
    }),
  ),
  ExistingVpc: rule(
    is('Egress', 'existing-vpc'),
    [not(is('VpcId', '')), 'With Egress existing-vpc, set VpcId.'],
    [not(is('SubnetIds', '')), 'With Egress existing-vpc, set SubnetIds.'],
  ),
  NewVpc: rule(
    not(is('Egress', 'existing-vpc')),
    [is('VpcId', ''), 'VpcId has no effect unless Egress is existing-vpc. Set Egress, or remove VpcId.'],
    [is('SubnetIds', ''), 'SubnetIds have no effect unless Egress is existing-vpc. Set Egress, or remove SubnetIds.'],
    [
      is('SecurityGroupIds', ''),
      'SecurityGroupIds have no effect unless Egress is existing-vpc. Set Egress, or remove SecurityGroupIds.',
    ],
  ),
  NatGatewaysOfNewVpc: rule(is('NatGateways', 'all'), [
    is('Egress', 'nat-gateway'),
    'NatGateways all has no effect unless Egress is nat-gateway. Set Egress, or remove NatGateways.',
  ]),
  EnforcedDomains: rule(
    {
      'Fn::Or': [
        is('DnsFirewall', 'false'),
        { 'Fn::And': [is('DnsFirewall', 'default'), is('Egress', 'existing-vpc')] },
      ],
    },
    [
      is('AllowedDomains', DEFAULT_DOMAINS),
      'AllowedDomains has no effect without DNS Firewall: agents can reach every domain. Set DnsFirewall to true, or remove AllowedDomains.',
    ],
  ),
  IdlePolls: rule(
    not(is('IdlePollSeconds', '60')),
    [is('ScheduleMinutes', '1'), 'IdlePollSeconds below 60 needs ScheduleMinutes 1.'],
    [not(is('ActivePollSeconds', '0')), 'IdlePollSeconds below 60 needs ActivePollSeconds of at least 5.'],
    [CAN_WAKE_UP, `IdlePollSeconds below 60 needs ${CONCURRENCY}`],
  ),
  NudgeConcurrency: rule(not(is('NudgeHmacKeySecret', '')), [CAN_WAKE_UP, `A nudge needs ${CONCURRENCY}`]),
  LoginOfCopiedImage: rule(not(is('EcrImage', '')), [
    is('ImageCredentialsSecret', ''),
    'ImageCredentialsSecret has no effect with EcrImage, because the deployment copies no image. Remove one of them.',
  ]),
  OneAlarmTopic: rule(not(is('AlarmEmail', '')), [
    is('AlarmTopicArn', ''),
    'AlarmEmail creates a topic, and AlarmTopicArn is another one. Remove one of them.',
  ]),
  DifferentSecrets: rule(
    undefined,
    [
      not({ 'Fn::Equals': [ref('ApiTokenSecret'), ref('AgentTokenSecret')] }),
      'ApiTokenSecret and AgentTokenSecret are the same secret. The API token must not be readable by agents: store it in a separate secret.',
    ],
    [
      not({ 'Fn::Contains': [[ref('ApiTokenSecret'), ref('AgentTokenSecret')], ref('NudgeHmacKeySecret')] }),
      'NudgeHmacKeySecret is the secret of a token. Store the HMAC key in a separate secret.',
    ],
  ),
};
