import type { Duration } from 'aws-cdk-lib';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Capacity } from '../../functions/launcher/contract.ts';
import type { UnlistedJobs } from './accepted-jobs.ts';
import type { AgentImage } from './image.ts';
import type { StandingOptions } from './warm-agents.ts';

/** Whether agents that the launcher did not start belong to a pool. */
export const FOREIGN_AGENTS = ['expected', 'unexpected'] as const;

/** Options that all agents of a launcher share. */
export interface SharedAgentOptions {
  /**
   * Hostname of HCP Terraform or Terraform Enterprise, without a scheme. Add the port if it isn't 443.
   *
   * @default 'app.terraform.io'
   */
  readonly hostname?: string | undefined;
  /**
   * How long an agent waits for a job before it exits.
   *
   * @default Duration.minutes(5)
   */
  readonly idleWindow?: Duration | undefined;
  /**
   * Whether GuardDuty Runtime Monitoring adds its sidecar to the agents' tasks. If true, the execution roles can pull the
   * sidecar's image. The agents' network must allow traffic to `guardduty-data` and to the sidecar's registry.
   *
   * @default false
   */
  readonly guardDuty?: boolean | undefined;
}

/** One agent pool, as the launcher serves it. */
export interface AgentPoolOptions extends StandingOptions {
  /** The agent pool's name in HCP Terraform: letters, digits, `-` and `_`. */
  readonly name: string;
  /**
   * The agent pool's id, `apool-…`.
   *
   * @default - the launcher finds the pool by its name
   */
  readonly id?: string | undefined;
  /**
   * Organization that owns the pool.
   *
   * @default - the launcher's organization
   */
  readonly organization?: string | undefined;
  /**
   * Secret whose string is the API token that this pool is polled with.
   *
   * @default - the launcher's API token
   */
  readonly apiTokenSecret?: ISecret | undefined;
  /**
   * Key of the API token, if the value of this pool's `apiTokenSecret` is a JSON object.
   *
   * @default - the secret contains only the API token
   */
  readonly apiTokenJsonKey?: string | undefined;
  /** Secret whose string is an agent token of the pool. Only the pool's tasks can read it; the launcher cannot. */
  readonly agentTokenSecret: ISecret;
  /**
   * Key of the agent token, if the secret's value is a JSON object. ECS needs the complete ARN then: pass a secret of this app, or one of
   * `Secret.fromSecretCompleteArn`.
   *
   * @default - the secret contains only the agent token
   */
  readonly agentTokenJsonKey?: string | undefined;
  /**
   * Maximum number of live tasks of this pool at the same time.
   *
   * @default 10
   */
  readonly maxAgents?: number | undefined;
  /**
   * Makes this launcher a standby for a pool that another launcher serves too: it starts an agent only for a job that has been queued
   * for this long, 30 to 900 seconds. With two minutes, it starts almost no agent while the other launcher works.
   *
   * @default - the launcher starts an agent for each queued job at once
   */
  readonly standby?: Duration | undefined;
  /**
   * Whether the pool has agents that this launcher did not start. With `unexpected`, an alarm reports such agents: they may use a stolen agent
   * token.
   *
   * @default 'unexpected', or 'expected' with `standby`
   */
  readonly foreignAgents?: (typeof FOREIGN_AGENTS)[number] | undefined;
  /**
   * Hours, 1 to 168, after which the launcher stops the task of a plan, or of an unlisted job in a task that accepts no applies. The run then fails.
   * Applies have their own limit in `phases.apply`.
   *
   * @default - no limit
   */
  readonly maxJobHours?: number | undefined;
  /**
   * CPU units of a task. 1024 units are one vCPU.
   *
   * @default 1024
   */
  readonly cpu?: number | undefined;
  /**
   * Memory of a task in MiB. The allowed values depend on `cpu`.
   *
   * @default 2048
   */
  readonly memoryLimitMiB?: number | undefined;
  /**
   * Ephemeral storage of a task in GiB, 21 to 200.
   *
   * @default - the 20 GiB that every Fargate task has
   */
  readonly ephemeralStorageGiB?: number | undefined;
  /**
   * CPU architecture of the tasks. HCP Terraform refuses agents of two architectures in one pool.
   *
   * @default ecs.CpuArchitecture.X86_64
   */
  readonly cpuArchitecture?: ecs.CpuArchitecture | undefined;
  /**
   * Additional environment variables of the agent, such as proxies. Every job can read them, and so can everyone who can
   * read task definitions. So they must not contain secrets.
   *
   * @default - none
   */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /**
   * AWS role of Terraform inside the task. With `phases`, it applies to each phase that doesn't set its own role.
   *
   * @default - a new role without permissions; grant it what your configurations need
   */
  readonly taskRole?: iam.IRole | undefined;
  /**
   * Separate tasks for plans and for applies, each with its own size, role and capacity.
   *
   * @default - every task accepts every job
   */
  readonly phases?: PhasesOptions | undefined;
  /**
   * Whether to start an agent for a run that has been in a post-plan status for more than two minutes. In this status, the run
   * can wait for an agent that evaluates its policy sets. Turn this off only if no policy set runs in agent mode and your run
   * tasks often take longer than two minutes.
   *
   * @default true
   */
  readonly policySweeps?: boolean | undefined;
  /**
   * Retention of the agents' logs.
   *
   * @default logs.RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays | undefined;
  /**
   * Image of the agents.
   *
   * @default - built from `hashicorp/tfc-agent` and published with the stack
   */
  readonly image?: AgentImage | undefined;
}

/** Options of the tasks of one phase. An absent option has the pool's value. */
export interface PhaseOptions {
  /**
   * Hours, 1 to 168, after which the launcher stops a task of this phase, even during its job. A stopped apply can leave infrastructure and state
   * partly changed.
   *
   * @default - for plans the pool's value, for applies no limit
   */
  readonly maxJobHours?: number | undefined;
  /** CPU units of a task. */
  readonly cpu?: number | undefined;
  /** Memory of a task in MiB. */
  readonly memoryLimitMiB?: number | undefined;
  /** Ephemeral storage of a task in GiB, 21 to 200. */
  readonly ephemeralStorageGiB?: number | undefined;
  /**
   * AWS role of Terraform inside the tasks of this phase.
   *
   * @default - a new role without permissions
   */
  readonly taskRole?: iam.IRole | undefined;
}

export interface PlanOptions extends PhaseOptions {
  /**
   * Capacity of the tasks. `spot` is cheaper, but AWS can interrupt a task with two minutes' notice, and its run then fails. If
   * Fargate has no Spot capacity, the task runs on demand. Applies have no such option, because an interrupted apply leaves
   * infrastructure and state partly changed.
   *
   * @default 'on-demand'
   */
  readonly capacity?: Capacity | undefined;
}

/** Separate tasks for the phases of a run. */
export interface PhasesOptions {
  readonly plan?: PlanOptions | undefined;
  readonly apply?: PhaseOptions | undefined;
  /**
   * Which tasks accept unlisted jobs: assessments, policies, queries, module tests, Stacks. With `plan`, tasks for plans accept
   * the unlisted jobs that only read, and tasks for applies accept `stack_apply` and `test`. With `apply`, tasks for applies
   * accept all unlisted jobs. With `none`, no task accepts them.
   *
   * @default 'plan'
   */
  readonly unlistedJobs?: UnlistedJobs | undefined;
}
