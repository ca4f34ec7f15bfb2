/** The public properties of AgentLauncher. They are in their own file because AgentLauncher and the checks import them. */
import type { Duration } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IDependable } from 'constructs';
import type { AgentImage } from '../agent/image.ts';
import type { AgentPoolOptions, SharedAgentOptions } from '../agent/pool-options.ts';
import type { LogOptions } from '../log-group.ts';
import type { Gateways } from '../network/gateways.ts';
import type { RoleOptions } from '../roles.ts';
import type { EncryptionOptions } from './encryption.ts';

export interface AgentLauncherProps extends SharedAgentOptions {
  /** Organization in HCP Terraform that owns the pools. */
  readonly organization: string;
  /** Secret whose string is the API token that the launcher polls with: a team token that can view the workspaces. */
  readonly apiTokenSecret: ISecret;
  /**
   * Key of the API token, if the value of `apiTokenSecret` is a JSON object.
   *
   * @default - the secret contains only the API token
   */
  readonly apiTokenJsonKey?: string | undefined;
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
   * Gateways of the agents' network: `gateways` of an `EgressNetwork` with `egress: 'on-demand'`. The launcher starts a gateway before the
   * first task, and stops it after the last one. Two launchers can't share gateways.
   *
   * @default - the network has an egress path without the launcher
   */
  readonly gateways?: Gateways | undefined;
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
   * Certificates of private certificate authorities that the functions trust in addition to the public ones, such as that of your
   * Terraform Enterprise. With `file`, the default image trusts them, too. For another image, pass the file to `AgentImage`.
   *
   * @default - only public certificate authorities are trusted
   */
  readonly caCertificates?: CaCertificatesOptions | undefined;
  /**
   * Organization agent limit: maximum number of agents that may be registered at the same time.
   *
   * @default - no limit except each pool's `maxAgents`
   */
  readonly agentsCeiling?: number | undefined;
  /**
   * Whether the launcher's functions and the jobs call AWS at FIPS endpoints. Only in regions where ECS has such an endpoint. Jobs get
   * the variable `AWS_USE_FIPS_ENDPOINT`. It doesn't change what ECS itself calls to start a task.
   *
   * @default false
   */
  readonly fips?: boolean | undefined;
  /**
   * The launcher's Lambda function.
   *
   * @default - the defaults of the properties inside
   */
  readonly launcher?: LauncherOptions | undefined;
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
   * @default - no URL
   */
  readonly nudge?: NudgeOptions | undefined;
  /**
   * Replaces the agent token of every pool on a schedule, without ending a job.
   *
   * @default - no automatic rotation
   */
  readonly agentTokenRotation?: AgentTokenRotationOptions | undefined;
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
   * What happens to the log groups, in addition to their retention.
   *
   * @default - they are deleted with the stack
   */
  readonly logs?: LogOptions | undefined;
  /**
   * Customer managed keys. `docs/encryption.md` says what their policies must allow.
   *
   * @default - keys that AWS owns or manages
   */
  readonly encryption?: EncryptionOptions | undefined;
  /**
   * How long a job may wait for an agent before an alarm fires.
   *
   * @default Duration.minutes(15)
   */
  readonly oldestQueued?: Duration | undefined;
  /**
   * How long a task may be at work before an alarm fires, in whole hours. The time that a warm agent waits for a job doesn't count.
   *
   * @default Duration.hours(24)
   */
  readonly oldestTask?: Duration | undefined;
  /**
   * How long before the expiry of an API token an alarm fires, in whole days. It only fires if HCP Terraform shows when the token
   * expires.
   *
   * @default Duration.days(14)
   */
  readonly apiTokenExpiry?: Duration | undefined;
  /**
   * Topic that alarms notify. An alarm without a topic reaches nobody, so synthesis warns if neither `alarmTopic` nor `alarmEmail`
   * is set.
   *
   * @default - alarms are visible in CloudWatch only
   */
  readonly alarmTopic?: ITopic | undefined;
  /**
   * E-mail address that receives the alarms. The construct creates a topic for it. The address must confirm the subscription. Don't
   * set it together with `alarmTopic`.
   *
   * @default - no topic
   */
  readonly alarmEmail?: string | undefined;
  /**
   * Whether the alarm topic gets a message when anyone other than the launcher and CloudFormation starts a task in the cluster, or
   * changes a function or a task definition. Changes that anyone makes through CloudFormation aren't reported. It needs a topic whose
   * policy lets `events.amazonaws.com` publish without a condition, and a CloudTrail trail that logs management events in the region.
   *
   * @default - true, with a warning if `alarmTopic` is set
   */
  readonly auditEvents?: boolean | undefined;
  /**
   * Names, path and permissions boundary of the roles that the launcher creates. Roles outside of the construct aren't included.
   *
   * @default - CloudFormation chooses the names, and the roles have no boundary
   */
  readonly roles?: RoleOptions | undefined;
}

/** Some properties of a launcher, with their defaults. */
export type Resolved<Name extends keyof AgentLauncherProps> = {
  readonly [Key in Name]-?: NonNullable<AgentLauncherProps[Key]>;
};

/** Options of the launcher's Lambda function. */
export interface LauncherOptions {
  /**
   * Set it to run the function in a VPC, for example `{}` for the agents' VPC and subnets. The subnets must be private, with a path
   * to HCP Terraform, ECS and Secrets Manager. The function needs SQS too with `nudge`, or with `idlePoll` below 60 s.
   *
   * @default - Lambda's own network, which reaches the internet and AWS
   */
  readonly vpc?: LauncherVpcOptions | undefined;
  /**
   * CPU architecture of the stack's functions.
   *
   * @default lambda.Architecture.ARM_64
   */
  readonly architecture?: lambda.Architecture | undefined;
  /**
   * Code signing configuration of the Lambda functions. Lambda then accepts only code that a profile in the configuration has signed.
   *
   * @default - Lambda accepts unsigned code
   */
  readonly codeSigningConfig?: lambda.ICodeSigningConfig | undefined;
  /**
   * URL of the proxy through which the launcher and the rotation of agent tokens reach HCP Terraform and the APIs of AWS, without a
   * login: `http://proxy.example.com:3128`. It doesn't affect the agents.
   *
   * @default - the launcher connects directly
   */
  readonly httpsProxy?: string | undefined;
  /**
   * Destinations that these functions reach without the proxy: domains, IP addresses and ranges, as in `NO_PROXY`.
   *
   * @default - none
   */
  readonly noProxy?: readonly string[] | undefined;
  /**
   * Secret with the login for the proxy: `user:password`. These functions read secrets without the proxy then, so their network
   * needs another path to Secrets Manager.
   *
   * @default - the proxy requires no login
   */
  readonly httpsProxyCredentialsSecret?: ISecret | undefined;
  /**
   * Key of the login, if the value of `httpsProxyCredentialsSecret` is a JSON object.
   *
   * @default - the secret contains only the login
   */
  readonly httpsProxyCredentialsJsonKey?: string | undefined;
}

/** Where the launcher's function runs in a VPC. */
export interface LauncherVpcOptions {
  /**
   * Private subnets of the launcher's `vpc`.
   *
   * @default - the agents' subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection | undefined;
  /**
   * Security groups of the function, one to five: not those of the agents. The function needs outbound TCP 443 and the port of
   * `hostname`, and no inbound traffic.
   *
   * @default - a new group without inbound rules. It allows outbound TCP 443 and the port of `hostname`
   */
  readonly securityGroups?: readonly ec2.ISecurityGroup[] | undefined;
}

/** Options of the rotation of agent tokens. */
export interface AgentTokenRotationOptions {
  /** Age at which a token is replaced, in whole days from 1 to 365. */
  readonly maxAge: Duration;
  /** Secret with an API token that may manage agent pools. Only the function that rotates can read it. */
  readonly apiTokenSecret: ISecret;
  /**
   * Key of the API token, if the value of `apiTokenSecret` is a JSON object.
   *
   * @default - the secret contains only the token
   */
  readonly apiTokenJsonKey?: string | undefined;
  /**
   * Whether an old token is revoked although the pool has agents that this stack didn't start. Set it only if those agents have their
   * own tokens.
   *
   * @default false
   */
  readonly ignoreOtherAgents?: boolean | undefined;
}

/** Where the certificates of private certificate authorities are: in a file or in a secret. */
export interface CaCertificatesOptions {
  /**
   * A PEM file with certificates and without private keys, up to 64 KiB. It becomes a part of the functions' code.
   *
   * @default - no file
   */
  readonly file?: string | undefined;
  /**
   * Secret whose string is certificates in PEM. The functions read it at a cold start.
   *
   * @default - no secret
   */
  readonly secret?: ISecret | undefined;
}

/** Options of the URL at which HCP Terraform announces runs. */
export interface NudgeOptions {
  /** Secret whose string is the HMAC key of the run task or the notification: at least 32 characters. */
  readonly hmacKeySecret: ISecret;
  /**
   * Key of the HMAC key, if the value of `hmacKeySecret` is a JSON object.
   *
   * @default - the secret contains only the HMAC key
   */
  readonly hmacKeyJsonKey?: string | undefined;
  /**
   * Maximum number of concurrent requests. It limits what a flood of requests can cost and use. New AWS accounts reject any
   * reservation: raise the quota of Lambda's concurrent executions first.
   *
   * @default 5
   */
  readonly reservedConcurrentExecutions?: number | undefined;
}
