import * as z from 'zod';
import { UNLISTED_JOBS } from './accepted-jobs.ts';
import { DEFAULT_CPU, DEFAULT_MAX_AGENTS, DEFAULT_MEMORY_MIB } from './defaults.ts';
import { FARGATE_CPU, FARGATE_EPHEMERAL_STORAGE_GIB } from './fargate-size.ts';
import { POOL_NAME } from './names.ts';
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
  setting,
  whole,
} from './setting.ts';
import { looksLikeToken } from './settings-faults.ts';
import { standingSettings } from './standing-settings.ts';

/** Variables that the stack, ECS or the entrypoint set, and credentials that belong to the task role. */
const RESERVED_VARIABLE =
  /^(?:TFC_AGENT_(?:TOKEN|NAME|SINGLE|ACCEPT|AUTO_UPDATE|DATA_DIR)|TFC_ADDRESS|AGENT_IDLE_SECONDS|AGENT_TOKEN_SECRET|AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|CONTAINER_CREDENTIALS_.*|EXECUTION_ENV)|ECS_.*)$/;

const action = z.string().regex(/^(?:\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$/);
const resource = z.string().regex(/^(?:\*|arn:.+)$/);

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
const statement = z.strictObject({
  Sid: z
    .string()
    .regex(/^[A-Za-z0-9]+$/)
    .optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Action: z.union([action, z.array(action).min(1)]),
  Resource: z.union([resource, z.array(resource).min(1)]),
  Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
});

/**
 * ECS is given an ARN without the random suffix, and Secrets Manager takes a hyphen and six characters at its end for that
 * suffix. https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
 */
function isNoHalfArn(nameOrArn: string): boolean {
  return nameOrArn.startsWith('arn:') || !/-[A-Za-z0-9]{6}$/.test(nameOrArn);
}

const TASK_ROLE_POLICY_ARNS = z
  .array(z.string().regex(/^arn:aws[a-z-]*:iam::(?:aws|\d{12}):policy\/[\w+=,.@/-]+$/))
  .max(10)
  .refine((arns) => new Set(arns).size === arns.length);
const TASK_ROLE_POLICY_ARNS_ALLOWED =
  'up to 10 ARNs, each once: arn:aws:iam::aws:policy/… or arn:aws:iam::123456789012:policy/…';
const STATEMENTS_ALLOWED =
  'IAM statements as in a JSON document: Effect, Action such as s3:GetObject, Resource as * or arn:…, and if need be Sid (letters and digits) and Condition';
const CPU = oneOf(FARGATE_CPU);
const MEMORY_MIB = whole(512, 122_880);
const STORAGE_GIB = whole(FARGATE_EPHEMERAL_STORAGE_GIB.from, FARGATE_EPHEMERAL_STORAGE_GIB.to);

/** What the tasks of one phase may have of their own. */
const ofPhase = (jobs: string) => ({
  cpu: setting(CPU.optional(), {
    description: `CPU units of a task for ${jobs}.`,
    allowed: FARGATE_CPU.join(', '),
    absent: "the pool's `cpu`",
  }),
  memoryMiB: setting(MEMORY_MIB.optional(), {
    description: `Memory in MiB of a task for ${jobs}.`,
    allowed: 'what Fargate has with the `cpu`',
    absent: "the pool's `memoryMiB`",
  }),
  ephemeralStorageGiB: setting(STORAGE_GIB.optional(), {
    description: `Disk in GiB of a task for ${jobs}.`,
    allowed: 'whole number from 21 to 200',
    absent: "the pool's `ephemeralStorageGiB`",
  }),
  taskRolePolicyArns: setting(TASK_ROLE_POLICY_ARNS.optional(), {
    description: `Managed policies of the role that Terraform has in ${jobs}.`,
    allowed: TASK_ROLE_POLICY_ARNS_ALLOWED,
    absent: "the pool's `taskRolePolicyArns`",
  }),
  taskRoleStatements: setting(z.array(statement).optional(), {
    description: `Statements of the role that Terraform has in ${jobs}.`,
    allowed: STATEMENTS_ALLOWED,
    absent: "the pool's `taskRoleStatements`",
  }),
});

/** Tasks of their own for plans and for applies. */
const phases = z.strictObject({
  plan: z
    .strictObject({
      ...ofPhase('plans'),
      capacity: setting(z.enum(['on-demand', 'spot']).default('on-demand'), {
        description:
          'Capacity of the tasks for plans. `spot` is cheaper, and AWS may take a task back: its run errors. Where Spot has no room they run on demand.',
        allowed: 'on-demand or spot',
      }),
    })
    .optional(),
  apply: z
    .strictObject({
      ...ofPhase('applies'),
      capacity: setting(z.literal('on-demand').default('on-demand'), {
        description: 'Capacity of the tasks for applies, which must not be interrupted.',
        allowed: 'on-demand',
        remedy:
          'leave it out: AWS takes Spot tasks back with two minutes’ notice, and an interrupted apply leaves infrastructure and state half changed',
      }),
    })
    .optional(),
  unlistedJobs: setting(z.enum(UNLISTED_JOBS).default('plan'), {
    description:
      'Which tasks accept jobs that no list of runs shows (assessments, policies, queries, module tests, stacks): `plan`: those that read by the tasks for plans, `stack_apply` and `test` by those for applies; `apply`: all by those for applies; `none`: nobody.',
    allowed: UNLISTED_JOBS.join(', '),
  }),
});

/** Settings of one agent pool. */
export const poolSettings = z.strictObject({
  name: setting(z.string().regex(POOL_NAME), {
    description: "The agent pool's name in HCP Terraform.",
    allowed: 'letters, digits, - and _, up to 90',
  }),
  id: setting(
    z
      .string()
      .regex(/^apool-[A-Za-z0-9]+$/)
      .optional(),
    {
      description: "The agent pool's id.",
      allowed: 'apool-…',
      absent: 'looked up by name',
    },
  ),
  organization: setting(ORGANIZATION.optional(), {
    description: 'Organization that owns this pool, when it is another.',
    allowed: ORGANIZATION_ALLOWED,
    absent: '`organization`',
  }),
  apiTokenSecret: setting(SECRET.optional(), {
    description: 'Secret of the API token for this pool, when it is another.',
    allowed: SECRET_ALLOWED,
    remedy: SECRET_REMEDY,
    absent: '`apiTokenSecret`',
  }),
  agentTokenSecret: setting(SECRET.refine(isNoHalfArn), {
    description: "Secret whose string is an agent token of the pool. Read by the pool's tasks and by nobody else.",
    allowed: `${SECRET_ALLOWED}; a name that ends in - and six letters or digits only as ARN`,
    remedy: SECRET_REMEDY,
  }),
  maxAgents: setting(whole(1, 1000).default(DEFAULT_MAX_AGENTS), {
    description: 'Most live tasks of this pool at once.',
    allowed: 'whole number from 1 to 1000',
  }),
  cpu: setting(CPU.default(DEFAULT_CPU), {
    description: 'CPU units of a task; 1024 is one vCPU.',
    allowed: FARGATE_CPU.join(', '),
  }),
  memoryMiB: setting(MEMORY_MIB.default(DEFAULT_MEMORY_MIB), {
    description: 'Memory of a task in MiB.',
    allowed: 'what Fargate has with the `cpu`: with 1024, 2048 to 8192 in steps of 1024',
  }),
  ephemeralStorageGiB: setting(STORAGE_GIB.optional(), {
    description: 'Disk of a task in GiB.',
    allowed: 'whole number from 21 to 200',
    remedy: 'leave it out for the 20 GiB that every Fargate task has, or give more',
    absent: '20 GiB',
  }),
  architecture: setting(z.enum(['x86_64', 'arm64']).default('x86_64'), {
    description: 'Architecture of the tasks; HCP Terraform refuses agents of two in one pool.',
    allowed: 'x86_64 or arm64',
  }),
  environment: setting(
    z
      .record(
        z
          .string()
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
          .refine((name) => !RESERVED_VARIABLE.test(name)),
        z.string().refine((value) => !looksLikeToken(value)),
      )
      .default({}),
    {
      description: 'Further environment variables of the agent. Readable by everybody who may see task definitions.',
      allowed:
        'names of letters, digits and _ with texts; none that the stack or ECS sets (TFC_AGENT_TOKEN, TFC_AGENT_NAME, TFC_AGENT_SINGLE, TFC_ADDRESS, AGENT_IDLE_SECONDS, ECS_…), no credential of AWS, no token',
      remedy:
        'leave it out: the stack sets what the agent needs, rights in AWS come from the task role, secrets from variables of HCP Terraform',
    },
  ),
  taskRolePolicyArns: setting(TASK_ROLE_POLICY_ARNS.default([]), {
    description: 'Managed policies of the role that Terraform has inside the task.',
    allowed: TASK_ROLE_POLICY_ARNS_ALLOWED,
  }),
  taskRoleStatements: setting(z.array(statement).default([]), {
    description: 'Statements of the role that Terraform has inside the task.',
    allowed: STATEMENTS_ALLOWED,
  }),
  phases: setting(phases.optional(), {
    description:
      'Tasks of their own for plans and for applies, each with a role of its own; `{}` is enough. A pool with phases counts for two.',
    allowed: 'an object with plan, apply and unlistedJobs, all optional',
    absent: 'any task takes any job',
  }),
  ...standingSettings,
  logRetentionDays: setting(oneOf(RETENTION_DAYS).optional(), {
    description: "Days that this pool's agents' logs are kept.",
    allowed: RETENTION_DAYS.join(', '),
    absent: '`logRetentionDays`',
  }),
  image: setting(IMAGE.optional(), {
    description: 'Registry image of this pool, when it is another.',
    ...IMAGE_DOC,
    absent: '`agentImage`',
  }),
});
