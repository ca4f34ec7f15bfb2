/** Reads what is deployed: the outputs of the stack, and the environment of the launcher's function, which has the pools. */
import { DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation';
import { GetFunctionConfigurationCommand, type VpcConfigResponse } from '@aws-sdk/client-lambda';
import { ENV } from '../../functions/launcher/contract.ts';
import { type AgentPoolEnvironment, agentPoolsEnvironment } from '../../functions/launcher/pool-environment.ts';
import { DEFAULT_START_DEADLINE_SECONDS } from '../../lib/defaults.ts';
import { OUTPUTS } from '../../lib/names.ts';
import { jsonOf } from '../core/json.ts';
import { type LauncherOutputs, launchersIn, withoutLauncher } from '../core/launchers.ts';
import { CommandError, UsageError } from '../io.ts';
import type { Aws } from './clients.ts';
import { ask, nameOfAwsError } from './errors.ts';

export interface Deployment {
  readonly stackName: string;
  readonly region: string;
  readonly account: string;
  /** CloudFormation's status, such as `UPDATE_COMPLETE`. */
  readonly stackStatus: string;
  /** When the last deployment of the stack began, in milliseconds since the epoch; `undefined` if CloudFormation doesn't show it. */
  readonly stackChangedAtMs?: number | undefined;
  /** Those of this launcher, by their names in `OUTPUTS`. */
  readonly outputs: LauncherOutputs;
  /** Name of the launcher: of its cluster, its schedule and its dashboard, and the `service` of its log lines. */
  readonly name: string;
  readonly functionName: string;
  /** Where the launcher's function runs; `undefined`: in Lambda's own network. */
  readonly launcherNetwork: LauncherNetwork | undefined;
  readonly launcherLogGroup: string;
  /** Log group of the agents of each pool. */
  readonly agentLogGroups: ReadonlyMap<string, string>;
  readonly hostname: string;
  readonly organization: string;
  /** Secret of the API token, unless a pool has its own. */
  readonly apiTokenSecret: string;
  readonly pools: readonly AgentPoolEnvironment[];
  /** Seconds from the launch of a task after which its agent must have registered. */
  readonly startDeadlineSeconds: number;
  readonly environment: Readonly<Record<string, string>>;
}

export interface LauncherNetwork {
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}

/** There is no stack with this name. */
export class NoStackError extends CommandError {}

/** The stack isn't a launcher, or one of a version that this command doesn't understand. */
export class NotALauncherError extends CommandError {}

/** The stack exists, but its first deployment failed or has not ended, or the stack is being deleted. */
export class NoLauncherError extends CommandError {
  /** CloudFormation's, such as `ROLLBACK_COMPLETE`. */
  readonly status: string;

  constructor(message: string, status: string) {
    super(message);
    this.status = status;
  }
}

/** Which stack, and which launcher in it. */
export interface Wanted {
  readonly stack: string;
  /** Name of the launcher. Only a stack of the user's own CDK app can have several. */
  readonly launcher?: string | undefined;
}

/** Rejects with a `CommandError` if the stack doesn't exist, or isn't a launcher; with a `UsageError` if it has several and none is named. */
export async function readDeployment(aws: Aws, { stack: stackName, launcher }: Wanted): Promise<Deployment> {
  const cloudFormation = await aws.cloudFormation();
  const answer = await ask(
    `read the stack ${stackName}`,
    cloudFormation.send(new DescribeStacksCommand({ StackName: stackName })).catch((error: unknown) => {
      if (nameOfAwsError(error) !== 'ValidationError') throw error;
      const hint =
        'Deploy it with `npx cdk deploy`, or pass --stack, --region or --profile of the stack that you mean.';
      throw new NoStackError(`There is no stack ${stackName} in this account and region.\n${hint}`);
    }),
  );
  const stack = answer.Stacks?.[0];
  const all = new Map((stack?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]));
  const launchers = launchersIn(all);
  if (launchers.size === 0) throwWithoutLauncher(stackName, stack);
  const outputs = chosen(launchers, { stack: stackName, launcher });
  const output = (id: string): string => {
    const found = outputs.get(id);
    if (found !== undefined) return found;
    throw new NotALauncherError(
      `The stack ${stackName} has no output ${id}, so it isn't a launcher, or an old one. Pass --stack NAME, or deploy again. ` +
        'In your own CDK app, call addOutputs() on the construct.',
    );
  };
  const name = output(OUTPUTS.cluster);
  const functionName = output(OUTPUTS.launcherFunction);
  const lambda = await aws.lambda();
  const { Environment, VpcConfig } = await ask(
    `read the function ${functionName}`,
    lambda.send(new GetFunctionConfigurationCommand({ FunctionName: functionName })),
  );
  const environment = Environment?.Variables ?? {};
  const pools = agentPoolsEnvironment.safeParse(jsonOf(environment[ENV.agentPools] ?? ''));
  if (!pools.success) {
    throw new NotALauncherError(
      `This version of the command doesn't understand the pools of the function ${functionName}. Deploy the version that you have here, or use the command of the deployed version.`,
    );
  }
  const [, region = '', account = ''] = /^arn:[^:]+:cloudformation:([^:]+):(\d+):/.exec(stack?.StackId ?? '') ?? [];
  return {
    stackName,
    region,
    account,
    stackStatus: stack?.StackStatus ?? '',
    stackChangedAtMs: (stack?.LastUpdatedTime ?? stack?.CreationTime)?.getTime(),
    outputs,
    name,
    functionName,
    launcherNetwork: launcherNetworkIn(VpcConfig),
    launcherLogGroup: output(OUTPUTS.launcherLogGroup),
    agentLogGroups: new Map(
      output(OUTPUTS.agentLogGroups)
        .split(', ')
        .map((group) => [group.split('/').at(-1) ?? group, group]),
    ),
    hostname: environment[ENV.hostname] ?? '',
    organization: environment[ENV.organization] ?? '',
    apiTokenSecret: environment[ENV.apiTokenSecret] ?? '',
    pools: pools.data,
    startDeadlineSeconds: Number(environment[ENV.startDeadlineSeconds]) || DEFAULT_START_DEADLINE_SECONDS,
    environment,
  };
}

/** Without a VPC, the answer has no VpcConfig, or an empty one. */
function launcherNetworkIn(config: VpcConfigResponse | undefined): LauncherNetwork | undefined {
  const { SubnetIds: subnetIds = [], SecurityGroupIds: securityGroupIds = [] } = config ?? {};
  return subnetIds.length === 0 ? undefined : { subnetIds, securityGroupIds };
}

function throwWithoutLauncher(name: string, stack: Stack | undefined): void {
  const status = stack?.StackStatus ?? '';
  const why = withoutLauncher(status);
  if (why === undefined) return;
  const reason = stack?.StackStatusReason === undefined ? '' : ` CloudFormation says: ${stack.StackStatusReason}`;
  throw new NoLauncherError(
    `The stack ${name} ${why.what} (${status}).${reason}\n${why.todo}\nThe events: aws cloudformation describe-stack-events --stack-name ${name}`,
    status,
  );
}

function chosen(launchers: ReadonlyMap<string, LauncherOutputs>, { stack, launcher }: Wanted): LauncherOutputs {
  const names = [...launchers.keys()].join(', ');
  if (launcher !== undefined) {
    const found = launchers.get(launcher);
    if (found !== undefined) return found;
    throw new UsageError(`The stack ${stack} has no launcher ${launcher}. It has: ${names || 'none'}.`);
  }
  if (launchers.size > 1) {
    throw new UsageError(`The stack ${stack} has several launchers: ${names}.\nPass --launcher NAME.`);
  }
  return [...launchers.values()][0] ?? new Map();
}
