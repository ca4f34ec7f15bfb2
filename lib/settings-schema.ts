import * as z from 'zod';
import { isOlder, OLDEST_AGENT_VERSION } from './agent-version.ts';
import {
  DEFAULT_ACTIVE_POLL_SECONDS,
  DEFAULT_AGENT_VERSION,
  DEFAULT_HOSTNAME,
  DEFAULT_IDLE_WINDOW_SECONDS,
  DEFAULT_LOG_RETENTION_DAYS,
  DEFAULT_OLDEST_QUEUED_MINUTES,
  DEFAULT_SCHEDULE_MINUTES,
  DEFAULT_START_DEADLINE_SECONDS,
  MOST_POOLS,
} from './defaults.ts';
import { parseName } from './egress/domain-name.ts';
import { LAUNCHER_NAME } from './names.ts';
import { networkSettings } from './network-settings.ts';
import { poolSettings } from './pool-settings.ts';
import {
  IMAGE,
  IMAGE_DOC,
  ORGANIZATION,
  ORGANIZATION_ALLOWED,
  oneOf,
  RETENTION_DAYS,
  SECRET,
  SECRET_ALLOWED,
  SECRET_REMEDY,
  type SettingDoc,
  setting,
  settingDocs,
  unwrapped,
  whole,
} from './setting.ts';

/**
 * Whether a host is given by a complete name and a port that may be opened: the security group opens it to every address.
 * Ports below 1024 are those of other protocols (22 SSH, 25 mail, 53 and 853 DNS), each a way out of its own.
 */
function isReachedByName(host: string): boolean {
  const [name = '', port = '443'] = host.split(':');
  const number = Number(port);
  return 'name' in parseName(name) && (number === 443 || (number >= 1024 && number <= 65_535));
}

const agentImage = z.strictObject({
  version: setting(
    z
      .string()
      .regex(/^\d+\.\d+\.\d+$/)
      .refine((version) => !isOlder(version, OLDEST_AGENT_VERSION))
      .optional(),
    {
      description: 'Version of the agent that the image is built from, by Docker, when the stack is deployed.',
      allowed: `a version such as 1.33.0, from ${OLDEST_AGENT_VERSION} on, since older agents do not hide their token from jobs`,
      absent: `${DEFAULT_AGENT_VERSION}, unless \`agentImage.registry\` is given`,
    },
  ),
  source: setting(z.enum(['official', 'release']).optional(), {
    description:
      "What the image is built from: HashiCorp's own image, or the release archive with its signature verified, on a base of your choice.",
    allowed: 'official or release',
    absent: '`official`, unless `agentImage.registry` is given',
  }),
  digest: setting(
    z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/)
      .optional(),
    {
      description:
        'Digest that hashicorp/tfc-agent of this version must have; `agent-image/print-digest.mjs` prints it.',
      allowed: 'sha256: and 64 hexadecimal digits; with the source official only',
      absent: 'what the tag of the version names at build',
    },
  ),
  base: setting(IMAGE.optional(), {
    description: 'Image that the release is put on: a Debian or Ubuntu.',
    allowed: 'reference with a tag that is not latest, or with a digest; with the source release only',
    absent: 'ubuntu:24.04',
  }),
  hideAgent: setting(z.boolean().optional(), {
    description:
      'Whether the image keeps its user from reading the programs of the agent, which keeps jobs from reading the agent token. Turn it off only if an agent does not start.',
    allowed: 'true or false',
    absent: 'true; the build turns it off, with a warning, if the agent must read itself',
  }),
  registry: setting(IMAGE.optional(), {
    description: 'Image to use as it is, in place of building one; no Docker is needed to deploy.',
    ...IMAGE_DOC,
    absent: 'an image is built',
  }),
});

/** The settings as they are written: what may be given, what it means, what happens when it is not given. */
export const settingsSchema = z.strictObject({
  stackName: setting(z.string().regex(LAUNCHER_NAME).default('AgentLauncher'), {
    description: 'Name of the stack; the names of cluster, function, log groups, alarms and dashboard begin with it.',
    allowed: 'letters, digits and -, up to 48, a letter first',
  }),
  hostname: setting(
    z
      .string()
      .regex(/^(?=.{1,253}(?::|$))[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::\d{1,5})?$/)
      .refine(isReachedByName)
      .default(DEFAULT_HOSTNAME),
    {
      description: 'Host of HCP Terraform or Terraform Enterprise.',
      allowed:
        'host name in lower case without https:// and without a path, with a port from 1024 up if it is not 443: no address and no name without a dot, since certificate and network know it by its complete name, and no lower port, since the network opens it to every address, and lower ones are for other protocols (22 SSH, 53 and 853 DNS)',
    },
  ),
  organization: setting(ORGANIZATION, {
    description: 'Organization that owns the agent pools.',
    allowed: ORGANIZATION_ALLOWED,
  }),
  apiTokenSecret: setting(SECRET, {
    description: 'Secret whose string is the API token that the launcher polls with.',
    allowed: SECRET_ALLOWED,
    remedy: SECRET_REMEDY,
  }),
  pools: setting(z.array(poolSettings).min(1).max(MOST_POOLS), {
    description: 'The agent pools to serve.',
    allowed: `list of 1 to ${MOST_POOLS} pools, each with name and agentTokenSecret; more take a second stack`,
    remedy: 'give at least {"name": "…", "agentTokenSecret": "…"}; with -c as JSON: -c pools=\'[{…}]\'',
  }),
  agentImage: setting(agentImage.prefault({}), {
    description: 'The image of the agents: built from a version, or from a registry.',
    allowed: '{"version": "1.33.0"} or {"registry": "hashicorp/tfc-agent:1.33.0"}',
  }),
  agentsCeiling: setting(whole(1, 10_000).optional(), {
    description: 'Most agents that the organization may have registered at once: its licence.',
    allowed: 'whole number from 1 to 10000',
    absent: 'no ceiling',
  }),
  network: setting(networkSettings.prefault({}), {
    description: 'Network of the agents.',
    allowed: '{"egress": "nat-gateway", …} or {"egress": "existing-vpc", "vpcId": …, "subnetIds": […]}',
  }),
  scheduleMinutes: setting(whole(1, 60).default(DEFAULT_SCHEDULE_MINUTES), {
    description: 'Minutes between two invocations of the launcher.',
    allowed: 'whole number from 1 to 60',
  }),
  activePollSeconds: setting(
    oneOf([0, ...Array.from({ length: 56 }, (_, i) => i + 5)]).default(DEFAULT_ACTIVE_POLL_SECONDS),
    {
      description: 'Seconds between polls inside an invocation while a pool has demand or live tasks; 0 polls once.',
      allowed: '0, or a whole number from 5 to 60 (HCP Terraform allows 30 run lists a minute)',
    },
  ),
  idleWindowSeconds: setting(whole(60, 3600).default(DEFAULT_IDLE_WINDOW_SECONDS), {
    description: 'Seconds that an agent waits for a job before it leaves by itself.',
    allowed: 'whole number from 60 to 3600 (agents ask for work every 30 s)',
  }),
  startDeadlineSeconds: setting(whole(120, 3600).default(DEFAULT_START_DEADLINE_SECONDS), {
    description: 'Seconds after which a task whose agent never registered is stopped.',
    allowed: 'whole number from 120 to 3600',
  }),
  reservedConcurrency: setting(whole(1, 10).optional(), {
    description: 'Most invocations of the launcher at once. New AWS accounts refuse any reservation.',
    allowed: 'whole number from 1 to 10',
    absent: 'nothing is reserved',
  }),
  logRetentionDays: setting(oneOf(RETENTION_DAYS).default(DEFAULT_LOG_RETENTION_DAYS), {
    description: "Days that the launcher's and the agents' logs are kept.",
    allowed: RETENTION_DAYS.join(', '),
  }),
  oldestQueuedMinutes: setting(whole(2, 1440).default(DEFAULT_OLDEST_QUEUED_MINUTES), {
    description: 'Minutes that a job may wait for an agent before an alarm.',
    allowed: 'whole number from 2 to 1440',
  }),
  alarmTopicArn: setting(
    z
      .string()
      .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/)
      .optional(),
    {
      description: 'SNS topic that alarms are sent to.',
      allowed: 'arn:aws:sns:<region>:<account>:<topic>',
      absent: 'alarms are seen in CloudWatch only',
    },
  ),
  tags: setting(
    z
      .record(
        z.string().regex(/^(?!aws:)[\p{L}\p{N} _.:/=+@-]{1,128}$/iu),
        z.string().regex(/^[\p{L}\p{N} _.:/=+@-]{0,256}$/u),
      )
      .refine((tags) => Object.keys(tags).length <= 40)
      .default({}),
    {
      description: 'Tags of every resource that can have tags.',
      allowed:
        'up to 40; keys up to 128 and texts up to 256 of letters, digits, space and _ . : / = + @ -, keys not from aws:',
    },
  ),
});

/** Settings that were read by the schema: every default filled in, not yet checked against each other. */
export type ReadSettings = z.infer<typeof settingsSchema>;

/** What is known of a place in the settings. */
export interface SettingAt {
  /** Its schema, unwrapped; `undefined` where the settings have no such place. */
  readonly schema: z.core.$ZodType | undefined;
  /** Its documentation, or that of the nearest setting around it. */
  readonly doc: SettingDoc | undefined;
}

/** Finds the schema and the documentation of a place such as `['pools', 0, 'cpu']`. */
export function settingAt(path: readonly PropertyKey[]): SettingAt {
  let schema: z.core.$ZodType | undefined = settingsSchema;
  let doc: SettingDoc | undefined;
  for (const key of path) {
    const parent: z.core.$ZodType = unwrapped(schema);
    if (parent instanceof z.ZodObject)
      schema = Object.hasOwn(parent.shape, key) ? parent.shape[String(key)] : undefined;
    else if (parent instanceof z.ZodArray) schema = /^\d+$/.test(String(key)) ? parent.element : undefined;
    else if (parent instanceof z.ZodRecord) schema = parent.valueType;
    else schema = undefined;
    if (schema === undefined) return { schema, doc };
    doc = settingDocs.get(schema) ?? doc;
  }
  return { schema: unwrapped(schema), doc };
}
