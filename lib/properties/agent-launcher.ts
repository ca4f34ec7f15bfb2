/** The public properties of AgentLauncher. They are in their own file because AgentLauncher and the checks import them. */
import type { Duration } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IDependable } from 'constructs';
import type { AgentImage } from '../agent/image.ts';
import type { AgentPoolOptions, SharedAgentOptions } from '../agent/pool-options.ts';

export interface AgentLauncherProps extends SharedAgentOptions {
  /** Organization in HCP Terraform that owns the pools. */
  readonly organization: string;
  /** Secret whose string is the API token that the launcher polls with: a team token that can view the workspaces. */
  readonly apiTokenSecret: ISecret;
  /** The agent pools to serve: at least one, with different names. */
  readonly pools: readonly AgentPoolOptions[];
  /** Network of the agents. Its subnets need an egress path: NAT, a proxy, or `assignPublicIp`. */
  readonly vpc: ec2.IVpc;
  /**
   * Subnets of the agents. Each task uses one address.
   *
   * @default - the VPC's private subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection | undefined;
  /**
   * Security groups of the agents, one to five. Agents need outbound TCP 443 and no inbound traffic.
   *
   * @default - a new group without inbound rules. It allows outbound TCP 443, the port of `hostname` and the ports of the proxies
   */
  readonly securityGroups?: readonly ec2.ISecurityGroup[] | undefined;
  /**
   * Whether each task gets a public IPv4 address. Public subnets without NAT need it.
   *
   * @default false
   */
  readonly assignPublicIp?: boolean | undefined;
  /**
   * Other resources that agents depend on, such as firewalls, endpoints or your own routes. CloudFormation creates them before
   * the first agent starts, and deletes them after the launcher. You don't need to list `vpc`, `securityGroups` and the subnets'
   * routes to the internet.
   *
   * @default - nothing
   */
  readonly startAfter?: readonly IDependable[] | undefined;
  /**
   * Name of the cluster, and prefix of other names: up to 48 letters, digits and `-`, without CDK tokens.
   *
   * @default - made from the construct's path
   */
  readonly name?: string | undefined;
  /**
   * Image of the agents in pools that don't set their own.
   *
   * @default - built from `hashicorp/tfc-agent` and published with the stack
   */
  readonly agentImage?: AgentImage | undefined;
  /**
   * Organization agent limit: maximum number of agents that may be registered at the same time.
   *
   * @default - no limit except each pool's `maxAgents`
   */
  readonly agentsCeiling?: number | undefined;
  /**
   * Time between two invocations of the launcher, in whole minutes.
   *
   * @default Duration.minutes(1)
   */
  readonly schedule?: Duration | undefined;
  /**
   * Time between polls within an invocation while a pool has queued jobs or live tasks. With zero, the launcher polls once per
   * invocation.
   *
   * @default Duration.seconds(5)
   */
  readonly activePoll?: Duration | undefined;
  /**
   * Public URL at which HCP Terraform announces runs, so that a job waits seconds instead of up to a minute while nothing runs.
   *
   * @default - no URL; the launcher polls on its schedule only
   */
  readonly nudge?: NudgeOptions | undefined;
  /**
   * Time between polls while every pool is idle, in whole seconds. Below 60 s, messages in a queue invoke the launcher between two
   * scheduled invocations. Then `schedule` must be one minute. The output `IdlePollCost` shows the price.
   *
   * @default Duration.seconds(60)
   */
  readonly idlePoll?: Duration | undefined;
  /**
   * After this time, the launcher stops a task whose agent never registered.
   *
   * @default Duration.minutes(5)
   */
  readonly startDeadline?: Duration | undefined;
  /**
   * Maximum number of concurrent invocations of the launcher. New AWS accounts reject any reservation.
   *
   * @default - nothing is reserved
   */
  readonly reservedConcurrentExecutions?: number | undefined;
  /**
   * Retention of the launcher's log, and of the agents' logs unless the pool sets its own.
   *
   * @default logs.RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays | undefined;
  /**
   * How long a job may wait for an agent before an alarm fires.
   *
   * @default Duration.minutes(15)
   */
  readonly oldestQueued?: Duration | undefined;
  /**
   * Topic that alarms notify.
   *
   * @default - alarms are visible in CloudWatch only
   */
  readonly alarmTopic?: ITopic | undefined;
}

/** Some properties of a launcher, with their defaults. */
export type Resolved<Name extends keyof AgentLauncherProps> = {
  readonly [Key in Name]-?: NonNullable<AgentLauncherProps[Key]>;
};
/** Options of the URL at which HCP Terraform announces runs. */
export interface NudgeOptions {
  /** Secret whose string is the HMAC key of the run task or the notification: at least 32 characters. */
  readonly hmacKeySecret: ISecret;
  /**
   * Maximum number of concurrent requests. It limits what a flood of requests can cost and use. New AWS accounts reject any
   * reservation: raise the quota of Lambda's concurrent executions first.
   *
   * @default 5
   */
  readonly reservedConcurrentExecutions?: number | undefined;
}
