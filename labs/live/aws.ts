/** The lab's calls of AWS, through the SDK, which finds the account, the region and the endpoints as the AWS CLI does. */
import { DescribeStacksCommand, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { RunTaskCommand, StopTaskCommand, type Task } from '@aws-sdk/client-ecs';
import { CreateSecretCommand, DeleteSecretCommand } from '@aws-sdk/client-secrets-manager';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { Aws } from '../../cli/aws/clients.ts';
import type { Deployment } from '../../cli/aws/deployment.ts';
import { describedTasks, taskArns } from '../../cli/aws/ecs-tasks.ts';
import { ask, nameOfAwsError } from '../../cli/aws/errors.ts';
import { logEvents } from '../../cli/aws/log-events.ts';
import { Interruption } from '../../cli/interruption.ts';
import { AGENT_CONTAINER, ENV, IDLE_SECONDS_VARIABLE } from '../../functions/launcher/contract.ts';

/** Maximum number of lines of each agent's log that the report keeps. */
const LOG_LINES = 40;

export class LabAws {
  readonly aws: Aws;

  constructor(options: { readonly region?: string | undefined; readonly profile?: string | undefined }) {
    const interruption = new Interruption(new AbortController().signal);
    this.aws = new Aws(options, { env: process.env, interruption });
  }

  /** The region of all calls. */
  async region(): Promise<string> {
    return (await this.aws.sts()).config.region();
  }

  async account(): Promise<string> {
    const sts = await this.aws.sts();
    return (await ask('find the AWS account', sts.send(new GetCallerIdentityCommand({})))).Account ?? '';
  }

  async createSecret(name: string, value: string): Promise<void> {
    const secrets = await this.aws.secretsManager();
    await ask(`create the secret ${name}`, secrets.send(new CreateSecretCommand({ Name: name, SecretString: value })));
  }

  /** Deletes the secret at once, without a recovery window, so that it costs nothing more. */
  async deleteSecret(name: string): Promise<void> {
    const secrets = await this.aws.secretsManager();
    try {
      await secrets.send(new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true }));
    } catch (error) {
      if (nameOfAwsError(error) !== 'ResourceNotFoundException') throw error;
    }
  }

  async stackExists(name: string): Promise<boolean> {
    const cloudFormation = await this.aws.cloudFormation();
    try {
      await cloudFormation.send(new DescribeStacksCommand({ StackName: name }));
      return true;
    } catch (error) {
      if (nameOfAwsError(error) === 'ValidationError') return false;
      throw error;
    }
  }

  async countResources(stackName: string): Promise<number> {
    const client = await this.aws.cloudFormation();
    let count = 0;
    for await (const page of paginateListStackResources({ client }, { StackName: stackName })) {
      count += page.StackResourceSummaries?.length ?? 0;
    }
    return count;
  }

  /** Every task of the cluster: live ones, and those that stopped within the last hour. */
  async tasks(cluster: string): Promise<Task[]> {
    const running = await taskArns(this.aws, cluster, { desiredStatus: 'RUNNING' });
    const stopped = await taskArns(this.aws, cluster, { desiredStatus: 'STOPPED' });
    return describedTasks(this.aws, cluster, [...new Set([...running, ...stopped])]);
  }

  /** Starts a task as a person does, so that its agent gets no job. @returns the task's id */
  async startAgent({ name, environment }: Deployment, family: string, idleSeconds: number): Promise<string> {
    const ecs = await this.aws.ecs();
    const list = (key: string): string[] => (environment[key] ?? '').split(',').filter((one) => one !== '');
    const { tasks = [] } = await ask(
      'start an agent',
      ecs.send(
        new RunTaskCommand({
          cluster: name,
          taskDefinition: family,
          launchType: 'FARGATE',
          networkConfiguration: {
            awsvpcConfiguration: {
              subnets: list(ENV.subnets),
              securityGroups: list(ENV.securityGroups),
              assignPublicIp: environment[ENV.assignPublicIp] === 'ENABLED' ? 'ENABLED' : 'DISABLED',
            },
          },
          overrides: {
            containerOverrides: [
              { name: AGENT_CONTAINER, environment: [{ name: IDLE_SECONDS_VARIABLE, value: String(idleSeconds) }] },
            ],
          },
        }),
      ),
    );
    return tasks[0]?.taskArn?.split('/').at(-1) ?? '';
  }

  async stopTask(cluster: string, task: string): Promise<void> {
    const ecs = await this.aws.ecs();
    await ask('stop a task', ecs.send(new StopTaskCommand({ cluster, task, reason: 'live proof: an interruption' })));
  }

  /** The last lines of each agent's log, by task id. */
  async agentLogs(groups: Iterable<string>, fromMs: number): Promise<Record<string, string[]>> {
    const lines: Record<string, string[]> = {};
    for (const group of groups) {
      for await (const { message, stream } of logEvents(this.aws, { group, fromMs })) {
        const task = stream.split('/').at(-1) ?? stream;
        lines[task] = [...(lines[task] ?? []), message.trimEnd()].slice(-LOG_LINES);
      }
    }
    return lines;
  }
}
