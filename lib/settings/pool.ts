import * as z from 'zod';
import { CAPACITIES } from '../../functions/launcher/contract.ts';
import { UNLISTED_JOBS } from '../agent/accepted-jobs.ts';
import { IMAGE, IMAGE_DOC } from '../agent/image-reference.ts';
import { FOREIGN_AGENTS } from '../agent/pool-options.ts';
import { FARGATE_CPU, FARGATE_EPHEMERAL_STORAGE_GIB } from '../aws/fargate-size.ts';
import { shown } from '../credentials.ts';
import { DEFAULT_CPU, DEFAULT_MAX_AGENTS, DEFAULT_MEMORY_MIB } from '../defaults.ts';
import { POOL_NAME } from '../names.ts';
import { ROLE_ARN } from './aws-ids.ts';
import {
  type Explanation,
  isUnambiguous,
  ORGANIZATION,
  ORGANIZATION_DOC,
  oneOf,
  retention,
  SECRET_DOC,
  SECRET_OR_ARN_KEY,
  SECRET_OR_KEY,
  SECRET_OR_KEY_DOC,
  setting,
  whole,
  wrongKey,
} from './fields.ts';
import { standingSettings } from './warm-agents.ts';

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

const TASK_ROLE_POLICY_ARNS = z
  .array(z.string().regex(/^arn:aws[a-z-]*:iam::(?:aws|\d{12}):policy\/[\w+=,.@/-]+$/))
  .max(10)
  .refine((arns) => new Set(arns).size === arns.length);
const TASK_ROLE_POLICY_ARNS_DOC = {
  allowed: 'up to 10 different ARNs: arn:aws:iam::aws:policy/… or arn:aws:iam::123456789012:policy/…',
  explain: (value: unknown) => (typeof value === 'string' ? policyExplanation(value) : undefined),
};

/** AWS managed policies with a path: those for job functions. https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_job-functions.html */
const JOB_FUNCTIONS = [
  'Billing',
  'DataScientist',
  'DatabaseAdministrator',
  'NetworkAdministrator',
  'SupportUser',
  'SystemAdministrator',
  'ViewOnlyAccess',
];

function policyExplanation(value: string): Explanation | undefined {
  const name = /^(?:policy\/)?(?:job-function\/)?([\w+=,.@-]+)$/.exec(value)?.[1];
  if (name === undefined) return undefined;
  const path = JOB_FUNCTIONS.includes(name) ? 'job-function/' : '';
  return {
    given: `${shown(value)}, the name of a policy`,
    remedy: `use its ARN: arn:aws:iam::aws:policy/${path}${name} if it is an AWS managed policy. This prints the ARN: aws iam list-policies --query "Policies[?PolicyName=='${name}'].Arn" --output text`,
  };
}

const TASK_ROLE_ARN = z.string().regex(ROLE_ARN);
const TASK_ROLE_ARN_DOC = {
  allowed:
    "the ARN of a role in the stack's account: arn:aws:iam::123456789012:role/…; not with taskRolePolicyArns or taskRoleStatements",
  explain: (value: unknown) => (typeof value === 'string' ? roleExplanation(value) : undefined),
};

function roleExplanation(value: string): Explanation | undefined {
  if (!/^[\w+=,.@-]{1,64}$/.test(value)) return undefined;
  return {
    given: `${shown(value)}, the name of a role`,
    remedy: `use its ARN. This prints the ARN: aws iam get-role --role-name ${value} --query Role.Arn --output text`,
  };
}

const STATEMENTS_DOC = {
  allowed:
    'IAM statements as in a JSON policy. Each has Effect, Action (such as s3:GetObject) and Resource (* or arn:…), and optionally Sid (letters and digits) and Condition',
};
const CPU = oneOf(FARGATE_CPU);
const MEMORY_MIB = whole(512, 122_880);
const CPU_DOC = {
  allowed: FARGATE_CPU.join(', '),
  explain: (value: unknown) => {
    const units = Number(value) * 1024;
    return FARGATE_CPU.includes(units) ? { remedy: `set CPU units: ${units} for ${value} vCPU` } : undefined;
  },
};
const memoryExplanation = (value: unknown): Explanation | undefined =>
  typeof value === 'number' && value > 0 && value <= 120
    ? { remedy: `set MiB: ${value * 1024} for ${value} GiB` }
    : undefined;
const STORAGE_GIB = whole(FARGATE_EPHEMERAL_STORAGE_GIB.from, FARGATE_EPHEMERAL_STORAGE_GIB.to);

/** Settings that a task of one phase can override. */
const ofPhase = (jobs: string) => ({
  cpu: setting(CPU.optional(), {
    description: `CPU units of a task for ${jobs}.`,
    ...CPU_DOC,
    absent: "the pool's `cpu`",
  }),
  memoryMiB: setting(MEMORY_MIB.optional(), {
    description: `Memory in MiB of a task for ${jobs}.`,
    allowed: 'a size that Fargate offers for the `cpu`',
    explain: memoryExplanation,
    absent: "the pool's `memoryMiB`",
  }),
  ephemeralStorageGiB: setting(STORAGE_GIB.optional(), {
    description: `Disk in GiB of a task for ${jobs}.`,
    absent: "the pool's `ephemeralStorageGiB`",
  }),
  taskRoleArn: setting(TASK_ROLE_ARN.optional(), {
    description: `Existing role to use as the task role for ${jobs}. The stack doesn't change it.`,
    ...TASK_ROLE_ARN_DOC,
    absent: "the pool's `taskRoleArn`",
  }),
  taskRolePolicyArns: setting(TASK_ROLE_POLICY_ARNS.optional(), {
    description: `Managed policies of the task role for ${jobs}.`,
    ...TASK_ROLE_POLICY_ARNS_DOC,
    absent: "the pool's `taskRolePolicyArns`",
  }),
  taskRoleStatements: setting(z.array(statement).optional(), {
    description: `Policy statements of the task role for ${jobs}.`,
    ...STATEMENTS_DOC,
    absent: "the pool's `taskRoleStatements`",
  }),
});

const MAX_JOB_HOURS = whole(1, 168);

const phases = z.strictObject({
  plan: z
    .strictObject({
      ...ofPhase('plans'),
      maxJobHours: setting(MAX_JOB_HOURS.optional(), {
        description:
          'Hours after which the launcher stops a task of a plan, or of an unlisted job in such a task. The run then fails.',
        absent: "the pool's `maxJobHours`",
      }),
      capacity: setting(z.enum(CAPACITIES).default('on-demand'), {
        description:
          'Capacity of the tasks for plans. `spot` is cheaper, but AWS can interrupt the task, and the run then fails. If Fargate has no Spot capacity, the task runs on demand.',
      }),
    })
    .optional(),
  apply: z
    .strictObject({
      ...ofPhase('applies'),
      maxJobHours: setting(MAX_JOB_HOURS.optional(), {
        description:
          'Hours after which the launcher stops a task for applies, even during an apply. A stopped apply can leave infrastructure and state partly changed.',
        absent: "no limit, whatever the pool's `maxJobHours` is",
      }),
      capacity: setting(z.literal('on-demand').default('on-demand'), {
        description: 'Capacity of the tasks for applies. An apply must not be interrupted.',
        allowed: 'on-demand',
        remedy:
          'remove it: AWS interrupts Spot tasks with two minutes’ notice, and an interrupted apply leaves infrastructure and state partly changed',
      }),
    })
    .optional(),
  unlistedJobs: setting(z.enum(UNLISTED_JOBS).default('plan'), {
    description:
      'Which tasks accept jobs that HCP Terraform does not list as runs (assessments, policies, queries, module tests, stacks). With `plan`, tasks for plans accept the jobs that only read, and tasks for applies accept the other two types: applies of Stacks (`stack_apply`) and module tests (`test`). With `apply`, tasks for applies accept all these jobs. With `none`, no task accepts them.',
    allowed: UNLISTED_JOBS.join(', '),
  }),
});

export const poolSettings = z.strictObject({
  name: setting(z.string().regex(POOL_NAME), {
    description: 'Name of the agent pool in HCP Terraform.',
    allowed: 'up to 90 letters, digits, - and _',
  }),
  id: setting(
    z
      .string()
      .regex(/^apool-[A-Za-z0-9]+$/)
      .optional(),
    {
      description: 'ID of the agent pool.',
      allowed: 'apool-, then letters and digits',
      remedy: 'copy the ID from the page of the pool in HCP Terraform, or remove it',
      absent: 'the launcher looks it up by the name',
    },
  ),
  organization: setting(ORGANIZATION.optional(), {
    description: 'Organization that owns this pool, if it differs from `organization`.',
    ...ORGANIZATION_DOC,
    absent: '`organization`',
  }),
  apiTokenSecret: setting(SECRET_OR_KEY.optional(), {
    description: 'Secret with the API token for this pool, if it differs from `apiTokenSecret`.',
    ...SECRET_OR_KEY_DOC,
    absent: '`apiTokenSecret`',
  }),
  agentTokenSecret: setting(SECRET_OR_ARN_KEY.refine(isUnambiguous), {
    ...SECRET_DOC,
    description:
      "Secret that contains an agent token of the pool. Only the pool's tasks read it. If its value is a JSON object, set the complete ARN, a colon and the key of the token.",
    allowed: `${SECRET_DOC.allowed}. After the ARN, a colon and a key are possible. If the name ends in a hyphen and six letters or digits, set the ARN`,
    explain: agentTokenSecretExplanation,
  }),
  maxAgents: setting(whole(1, 1000).default(DEFAULT_MAX_AGENTS), {
    description: 'Maximum number of agents that run at the same time in this pool.',
  }),
  standbySeconds: setting(whole(30, 900).optional(), {
    description:
      'Makes this stack a standby for a pool that another stack serves too. It starts an agent only for a job that has been queued for this many seconds. With 120, it starts almost none while the other stack works.',
    absent: 'the stack starts an agent for each queued job at once',
  }),
  foreignAgents: setting(z.enum(FOREIGN_AGENTS).optional(), {
    description:
      'Whether the pool has agents that this stack does not start. With `unexpected`, an alarm reports such agents, because they may use a stolen agent token.',
    absent: '`unexpected`, or `expected` with `standbySeconds`',
  }),
  maxJobHours: setting(MAX_JOB_HOURS.optional(), {
    description:
      'Hours after which the launcher stops the task of a plan, so that a plan that never ends does not keep its slot. The run then fails. In a pool with `phases`, it also applies to unlisted jobs in tasks for plans. It never applies to applies, which have their own limit in `phases.apply`.',
    absent: 'no limit',
  }),
  cpu: setting(CPU.default(DEFAULT_CPU), {
    description: 'CPU units of a task. 1024 units are one vCPU.',
    ...CPU_DOC,
  }),
  memoryMiB: setting(MEMORY_MIB.default(DEFAULT_MEMORY_MIB), {
    description: 'Memory of a task in MiB.',
    allowed: 'a size that Fargate offers for the `cpu`. For `cpu` 1024, these are 2048 to 8192 in steps of 1024',
    explain: memoryExplanation,
  }),
  ephemeralStorageGiB: setting(STORAGE_GIB.optional(), {
    description: 'Disk of a task in GiB.',
    remedy: 'remove it to get the default of 20 GiB, or set 21 or more',
    absent: '20 GiB',
  }),
  architecture: setting(z.enum(['x86_64', 'arm64']).default('x86_64'), {
    description: 'CPU architecture of the tasks. HCP Terraform refuses agents of two architectures in one pool.',
  }),
  environment: setting(
    z
      // settings/environment.ts checks the names and the values.
      .record(z.string(), z.string())
      .default({}),
    {
      description:
        'Additional environment variables of the agent and its jobs. Every job can read them, and so can everyone who can read task definitions.',
      allowed:
        'names of letters, digits and _; the values are strings. You can’t set credentials. You also can’t set variables that overwrite what the stack or ECS sets (TFC_ADDRESS, TFC_AGENT_NAME, ECS_…) or that replace the task role (AWS_PROFILE, AWS_ROLE_ARN, …). Nor can you set variables that load code (LD_…, BASH_ENV, …) or that need permanent agents (TFC_AGENT_REQUEST_FORWARDING)',
    },
  ),
  taskRoleArn: setting(TASK_ROLE_ARN.optional(), {
    description:
      "Existing role to use as the task role, which Terraform uses. The stack doesn't change it. docs/roles.md shows the trust policy that the role needs.",
    ...TASK_ROLE_ARN_DOC,
    absent: 'a new role',
  }),
  taskRolePolicyArns: setting(TASK_ROLE_POLICY_ARNS.default([]), {
    description: 'Managed policies of the task role, which Terraform uses.',
    ...TASK_ROLE_POLICY_ARNS_DOC,
  }),
  taskRoleStatements: setting(z.array(statement).default([]), {
    description: 'Policy statements of the task role, which Terraform uses.',
    ...STATEMENTS_DOC,
  }),
  phases: setting(phases.optional(), {
    description:
      'Separate tasks for plans and for applies, each with its own role. An empty object (`{}`) turns this on. A pool with `phases` counts as two pools in the maximum per stack.',
    allowed: 'an object with `plan`, `apply` and `unlistedJobs`, all optional',
    absent: 'every task accepts every job',
  }),
  ...standingSettings,
  logRetentionDays: retention("Log retention in days for this pool's agents.", '`logRetentionDays`'),
  image: setting(IMAGE.optional(), {
    description: 'Registry image of the agents in this pool, if it differs from `agentImage`.',
    ...IMAGE_DOC,
    absent: '`agentImage`',
  }),
});

/** ECS needs the complete ARN to find a key, and the name to end without what looks like the random characters of an ARN. */
function agentTokenSecretExplanation(value: unknown): Explanation | undefined {
  if (typeof value !== 'string') return undefined;
  const [secret = '', ...key] = value.split(':');
  if (!value.startsWith('arn:') && key.length > 0) {
    return {
      given: `${shown(value)}, a name with a key`,
      remedy: `set the complete ARN, followed by :${key.join(':')}, because ECS finds a key only with the complete ARN. ${printsArn(secret)}`,
    };
  }
  if (!isUnambiguous(value)) {
    return {
      given: `${shown(value)}, whose end looks like the random characters of an ARN`,
      remedy: `set its complete ARN. ${printsArn(value)}`,
    };
  }
  return wrongKey(value) ?? SECRET_DOC.explain(value);
}

const printsArn = (name: string) =>
  `This prints the ARN: aws secretsmanager describe-secret --secret-id ${name} --query ARN --output text`;
