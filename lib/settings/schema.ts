import * as z from 'zod';
import { dollars, idlePollCost, total } from '../aws/costs.ts';
import { FIPS_REGIONS } from '../aws/fips.ts';
import { shown } from '../credentials.ts';
import {
  DEFAULT_ACTIVE_POLL_SECONDS,
  DEFAULT_HOSTNAME,
  DEFAULT_IDLE_POLL_SECONDS,
  DEFAULT_IDLE_WINDOW_SECONDS,
  DEFAULT_LOG_RETENTION_DAYS,
  DEFAULT_OLDEST_QUEUED_MINUTES,
  DEFAULT_OLDEST_TASK_HOURS,
  DEFAULT_SCHEDULE_MINUTES,
  DEFAULT_START_DEADLINE_SECONDS,
  MOST_POOLS,
} from '../defaults.ts';
import { LAUNCHER_NAME } from '../names.ts';
import { parseName } from '../network/domain-name.ts';
import { agentImage } from './agent-image.ts';
import { agentTokenRotationSettings, ROTATION_PRICE } from './agent-token-rotation.ts';
import { alarmSettings } from './alarms.ts';
import { caCertificates } from './ca-certificates.ts';
import { encryptionSettings } from './encryption.ts';
import {
  choices,
  chosenOption,
  type Explanation,
  ORGANIZATION,
  ORGANIZATION_DOC,
  oneOf,
  RETENTION_DAYS,
  RETENTION_DOC,
  SECRET_OR_KEY,
  SECRET_OR_KEY_DOC,
  type SettingDoc,
  setting,
  settingDocs,
  shapeOf,
  unwrapped,
  whole,
} from './fields.ts';
import { launcherSettings } from './launcher.ts';
import { logSettings } from './logs.ts';
import { networkSettings } from './network.ts';
import { nudgeSettings } from './nudge.ts';
import { poolSettings } from './pool.ts';
import { valueAt } from './records.ts';
import { roleSettings } from './roles.ts';

/**
 * Whether a host has a fully qualified name and an acceptable port. The security group opens the port to every address. Ports
 * below 1024 belong to other protocols (22 SSH, 25 mail, 53 and 853 DNS), which would be egress paths.
 */
function isReachedByName(host: string): boolean {
  const [name = '', port = '443'] = host.split(':');
  const number = Number(port);
  return 'name' in parseName(name) && (number === 443 || (number >= 1024 && number <= 65_535));
}

const HOSTNAME = z
  .string()
  .regex(/^(?=.{1,253}(?::|$))[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::\d{1,5})?$/)
  .refine(isReachedByName);

function hostnameExplanation(value: unknown): Explanation | undefined {
  if (typeof value !== 'string') return undefined;
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)?(.*)$/is.exec(value.trim()) ?? [];
  const [authority = ''] = rest.split(/[/?#]/);
  const corrected = authority.toLowerCase().replace(/\.(?=:|$)/, '');
  const removed = [scheme, rest.slice(authority.length)].filter((part) => part !== '');
  if (!HOSTNAME.safeParse(corrected).success) return hostExplanation(value, corrected);
  if (corrected === value) return undefined;
  if (removed.length === 0) return { remedy: `set it to ${corrected}` };
  return { remedy: `remove ${removed.join(' and ')}: ${corrected}` };
}

/** Explains why a host is refused if a correction of its spelling isn't enough. */
function hostExplanation(value: string, host: string): Explanation | undefined {
  const [name = '', port] = host.split(':');
  if (/^[\d.]+$|^0x[\da-f.]+$/.test(name) || /^\[|^[\da-f.]*:[\da-f.]*:[\da-f.:]*$/.test(host)) {
    return {
      given: `${shown(value)}, an IP address`,
      remedy: "use the fully qualified hostname that is in the host's certificate",
    };
  }
  if (name === '') return undefined;
  if (!name.includes('.')) {
    return {
      given: `${shown(value)}, a name without a domain`,
      remedy: `use the fully qualified hostname, such as ${name}.example.com, because the agents' network must resolve it`,
    };
  }
  // Only a host that is right without its port has a wrong port.
  return port === undefined || !HOSTNAME.safeParse(name).success
    ? undefined
    : {
        given: `${shown(value)}, with port ${port}`,
        remedy:
          'let the host listen on 443 or on a port from 1024: lower ports are for other protocols, such as SSH and DNS',
      };
}

/** The schema of the settings: their allowed values, documentation and defaults. */
export const settingsSchema = z.strictObject({
  stackName: setting(z.string().regex(LAUNCHER_NAME).default('AgentLauncher'), {
    description:
      'Name of the stack. The names of the cluster, function, log groups, alarms and dashboard begin with this name.',
    allowed: 'up to 48 letters, digits and -, beginning with a letter',
  }),
  hostname: setting(HOSTNAME.default(DEFAULT_HOSTNAME), {
    description: 'Hostname of HCP Terraform or Terraform Enterprise.',
    allowed: 'a fully qualified, lower-case hostname without scheme or path; optional port 443 or 1024-65535',
    explain: hostnameExplanation,
  }),
  organization: setting(ORGANIZATION, {
    description: 'Organization that owns the agent pools.',
    ...ORGANIZATION_DOC,
  }),
  apiTokenSecret: setting(SECRET_OR_KEY, {
    description:
      'Secret that contains the API token of the launcher: only the token, or a JSON object that has it under a key.',
    ...SECRET_OR_KEY_DOC,
  }),
  pools: setting(z.array(poolSettings).min(1).max(MOST_POOLS), {
    description: 'The agent pools to serve.',
    allowed: `list of 1 to ${MOST_POOLS} pools, each with name and agentTokenSecret`,
    remedy:
      'set at least [{"name": "…", "agentTokenSecret": "…"}]; with -c as JSON: -c pools=\'[{"name":"…","agentTokenSecret":"…"}]\'',
    explain: (value) =>
      Array.isArray(value) && value.length > MOST_POOLS
        ? {
            given: `${value.length} pools`,
            remedy: 'deploy a second stack, with another stackName, and move some pools there',
          }
        : undefined,
  }),
  agentImage: setting(agentImage.prefault({}), {
    description:
      'Image of the agents. The deployment builds it from a version of the agent, or uses an image from a registry.',
    allowed: '{"version": "1.33.0"} or {"registry": "hashicorp/tfc-agent:1.33.0"}',
  }),
  caCertificates: setting(caCertificates.optional(), {
    description:
      'Certificates of private certificate authorities that the functions trust in addition to the public ones, such as that of your Terraform Enterprise or of a proxy that decrypts the traffic.',
    allowed: '{"file": "ca.pem"} or {"secret": "…"}',
    absent: 'only public certificate authorities are trusted',
  }),
  agentsCeiling: setting(whole(1, 10_000).optional(), {
    description:
      'Maximum number of agents that the HCP Terraform subscription of the organization allows at the same time.',
    absent: 'no limit',
  }),
  network: setting(networkSettings.prefault({}), {
    description: 'Network of the agents.',
    allowed: '{"egress": "nat-gateway", …} or {"egress": "existing-vpc", "vpcId": …, "subnetIds": […]}',
  }),
  launcher: setting(launcherSettings.prefault({}), {
    description: "The launcher's Lambda function.",
    allowed: '{"architecture": "arm64", "vpc": true}',
  }),
  scheduleMinutes: setting(whole(1, 60).default(DEFAULT_SCHEDULE_MINUTES), {
    description: 'Minutes between two invocations of the launcher function.',
  }),
  activePollSeconds: setting(
    oneOf([0, ...Array.from({ length: 56 }, (_, i) => i + 5)]).default(DEFAULT_ACTIVE_POLL_SECONDS),
    {
      description:
        'Seconds between two polls of HCP Terraform while a pool has queued jobs or live tasks. With 0, the launcher polls once per invocation.',
      allowed: '0, or an integer from 5 to 60; HCP Terraform allows 30 requests of run lists per minute',
    },
  ),
  idlePollSeconds: setting(whole(5, 60).default(DEFAULT_IDLE_POLL_SECONDS), {
    description: `Seconds between two polls of HCP Terraform while nothing is queued or running. With 60, only the schedule polls. Other values cost extra: 30 about ${idlePollPrice(30)}, 10 about ${idlePollPrice(10)}, 5 about ${idlePollPrice(5)} per month.`,
    allowed: 'integer from 5 to 60; below 60 only with scheduleMinutes 1',
  }),
  nudge: setting(nudgeSettings.optional(), {
    description:
      'Public URL at which HCP Terraform announces runs, so that a job waits seconds instead of up to a minute while nothing runs. The output `NudgeUrl` shows the URL; docs/nudge.md says how to set up the run task.',
    allowed: '{"hmacKeySecret": "…"}',
    absent: 'no URL',
  }),
  agentTokenRotation: setting(agentTokenRotationSettings.optional(), {
    description: `Replaces the agent token of every pool on a schedule, without ending a job. A separate function does it. It costs about ${ROTATION_PRICE} per month with one pool.`,
    allowed: '{"days": 30, "apiTokenSecret": "…"}',
    absent: 'no automatic rotation; `agent-launcher rotate` replaces a token by hand',
  }),
  idleWindowSeconds: setting(whole(60, 3600).default(DEFAULT_IDLE_WINDOW_SECONDS), {
    description: 'Seconds that an agent waits for a job before it ends on its own.',
  }),
  startDeadlineSeconds: setting(whole(120, 3600).default(DEFAULT_START_DEADLINE_SECONDS), {
    description: 'Seconds after which the launcher stops a task whose agent has not registered.',
  }),
  reservedConcurrency: setting(whole(1, 10).optional(), {
    description:
      'Reserved concurrency of the launcher function. It is also the maximum number of concurrent invocations. New AWS accounts refuse any reservation.',
    absent: 'no reservation',
  }),
  logRetentionDays: setting(oneOf(RETENTION_DAYS).default(DEFAULT_LOG_RETENTION_DAYS), {
    description: 'Log retention in days, for the launcher and the agents.',
    ...RETENTION_DOC,
  }),
  logs: setting(logSettings.prefault({}), {
    description: 'What happens to the logs, in addition to their retention.',
    allowed: '{"onDelete": "retain"} or {"exportTo": "arn:aws:…"}',
  }),
  encryption: setting(encryptionSettings.prefault({}), {
    description: 'Customer managed keys of KMS. docs/encryption.md says what their policies must allow.',
    allowed: '{"keyArn": "arn:aws:kms:…"}',
  }),
  terminationProtection: setting(z.boolean().default(false), {
    description:
      'Whether CloudFormation refuses to delete the stack. If true, `cdk destroy` fails until you set it to false and deploy again.',
  }),
  fips: setting(z.boolean().default(false), {
    description: `Whether the launcher's functions call AWS at FIPS endpoints. If true, jobs get the variable AWS_USE_FIPS_ENDPOINT, and the preset \`aws-apis\` also allows the FIPS hosts. Only in regions where ECS has such an endpoint: ${FIPS_REGIONS.join(', ')}.`,
  }),
  oldestQueuedMinutes: setting(whole(2, 1440).default(DEFAULT_OLDEST_QUEUED_MINUTES), {
    description: 'Minutes that a job can wait for an agent before the alarm fires.',
  }),
  oldestTaskHours: setting(whole(1, 192).default(DEFAULT_OLDEST_TASK_HOURS), {
    description:
      'Hours that a task can be at work before the alarm *A task runs too long* fires. The time that a warm agent waits for a job does not count.',
  }),
  alarmTopicArn: setting(
    z
      .string()
      .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/)
      .optional(),
    {
      description: 'SNS topic that receives the alarms.',
      allowed: 'the ARN of the topic: arn:aws:sns:<region>:<account>:<topic>',
      remedy: 'set the ARN of the topic. This prints the ARNs of your topics: aws sns list-topics',
      absent: 'alarms are visible in CloudWatch only',
    },
  ),
  ...alarmSettings,
  roles: setting(roleSettings.optional(), {
    description: 'Names, path and permissions boundary of the roles that the stack creates.',
    allowed: 'an object with `namePrefix`, `path` and `permissionsBoundary`, all optional',
    absent: 'CloudFormation chooses the names, and the roles have no boundary',
  }),
  tags: setting(
    z
      .record(
        z.string().regex(/^(?!aws:)[\p{L}\p{N} _.:/=+@-]{1,128}$/iu),
        z.string().regex(/^[\p{L}\p{N} _.:/=+@-]{0,256}$/u),
      )
      .refine((tags) => Object.keys(tags).length <= 40)
      .default({}),
    {
      description: 'Tags for every resource that supports tags.',
      allowed:
        'up to 40 tags. A key has up to 128 characters, and a value up to 256: letters, digits, spaces and _ . : / = + @ -. A key must not begin with aws:',
    },
  ),
});

/** Price of idle polling per month, at list prices of us-east-1. */
function idlePollPrice(idlePollSeconds: number): string {
  return dollars(total(idlePollCost(idlePollSeconds)));
}

/** Settings with all defaults. `parseSettings` also compares the settings with each other; the schema alone doesn't. */
export type Settings = z.infer<typeof settingsSchema>;

export interface SettingAt {
  /** The setting's schema, unwrapped; `undefined` if the path doesn't exist. */
  readonly schema: z.core.$ZodType | undefined;
  /** The setting's default; absent if it has none. */
  readonly fallback?: unknown;
  /** The setting's documentation, or the documentation of the nearest setting that contains it. */
  readonly doc: SettingDoc | undefined;
}

/**
 * Finds the schema and the documentation of a path such as `['pools', 0, 'cpu']`.
 *
 * @param given the settings; their egress mode determines the options of the network
 */
export function settingAt(path: readonly PropertyKey[], given?: unknown): SettingAt {
  let schema: z.core.$ZodType | undefined = settingsSchema;
  let doc: SettingDoc | undefined;
  for (const [depth, key] of path.entries()) {
    const parent: z.core.$ZodType = unwrapped(schema);
    const shape = shapeOf(parent);
    const chosen = shapeOf(chosenOption(parent, valueAt(given, path.slice(0, depth))) ?? parent);
    if (shape !== undefined && Object.hasOwn(shape, key)) {
      const all: z.core.$ZodType | undefined = shape[String(key)];
      const own = chosen?.[String(key)];
      // The discriminator has the same documented schema in all objects of a union.
      schema = own === undefined || all === choices.get(parent) ? all : own;
    } else if (parent instanceof z.ZodArray) schema = /^\d+$/.test(String(key)) ? parent.element : undefined;
    else if (parent instanceof z.ZodRecord) schema = parent.valueType;
    else schema = undefined;
    if (schema === undefined) return { schema, doc };
    doc = settingDocs.get(schema) ?? doc;
  }
  const fallback = schema instanceof z.ZodDefault && { fallback: schema.def.defaultValue };
  return { schema: unwrapped(schema), ...fallback, doc };
}
