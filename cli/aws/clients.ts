/**
 * The SDK's clients, each loaded when a command first needs it. They find the region, the credentials and the endpoints as the AWS CLI does,
 * so `AWS_ENDPOINT_URL` points them at the emulators.
 */
import type { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import type { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { EC2Client } from '@aws-sdk/client-ec2';
import type { ECRClient } from '@aws-sdk/client-ecr';
import type { ECSClient } from '@aws-sdk/client-ecs';
import type { IAMClient } from '@aws-sdk/client-iam';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { SchedulerClient } from '@aws-sdk/client-scheduler';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import type { SNSClient } from '@aws-sdk/client-sns';
import type { SSMClient } from '@aws-sdk/client-ssm';
import type { STSClient } from '@aws-sdk/client-sts';
import type { CommonOptions } from '../context.ts';
import type { Interruption } from '../interruption.ts';
import type { Io } from '../io.ts';

/** Time limits of one request. A person waits for the answer. */
const LIMITS = { connectionTimeout: 5_000, requestTimeout: 20_000, throwOnRequestTimeout: true };

export class Aws {
  readonly #region: string | undefined;
  readonly #profile: string | undefined;
  readonly #interruption: Interruption;
  readonly #clients = new Map<string, Promise<unknown>>();
  readonly #env: Io['env'];
  #handler: Promise<RequestHandler> | undefined;

  constructor(
    { region, profile }: Pick<CommonOptions, 'region' | 'profile'>,
    { env, interruption }: { readonly env: Io['env']; readonly interruption: Interruption },
  ) {
    this.#region = regionOf(region, env);
    this.#profile = profile;
    this.#env = env;
    this.#interruption = interruption;
  }

  cloudFormation(): Promise<CloudFormationClient> {
    return this.#client('CloudFormation', async (config) => {
      const { CloudFormationClient } = await import('@aws-sdk/client-cloudformation');
      return new CloudFormationClient(config);
    });
  }

  cloudTrail(): Promise<CloudTrailClient> {
    return this.#client('CloudTrail', async (config) => {
      const { CloudTrailClient } = await import('@aws-sdk/client-cloudtrail');
      return new CloudTrailClient(config);
    });
  }

  cloudWatch(): Promise<CloudWatchClient> {
    return this.#client('CloudWatch', async (config) => {
      const { CloudWatchClient } = await import('@aws-sdk/client-cloudwatch');
      return new CloudWatchClient(config);
    });
  }

  logs(): Promise<CloudWatchLogsClient> {
    return this.#client('CloudWatchLogs', async (config) => {
      const { CloudWatchLogsClient } = await import('@aws-sdk/client-cloudwatch-logs');
      return new CloudWatchLogsClient(config);
    });
  }

  ec2(): Promise<EC2Client> {
    return this.#client('EC2', async (config) => {
      const { EC2Client } = await import('@aws-sdk/client-ec2');
      return new EC2Client(config);
    });
  }

  ecr(): Promise<ECRClient> {
    return this.#client('ECR', async (config) => {
      const { ECRClient } = await import('@aws-sdk/client-ecr');
      return new ECRClient(config);
    });
  }

  ecs(): Promise<ECSClient> {
    return this.#client('ECS', async (config) => {
      const { ECSClient } = await import('@aws-sdk/client-ecs');
      return new ECSClient(config);
    });
  }

  iam(): Promise<IAMClient> {
    return this.#client('IAM', async (config) => {
      const { IAMClient } = await import('@aws-sdk/client-iam');
      return new IAMClient(config);
    });
  }

  lambda(): Promise<LambdaClient> {
    return this.#client('Lambda', async (config) => {
      const { LambdaClient } = await import('@aws-sdk/client-lambda');
      return new LambdaClient(config);
    });
  }

  scheduler(): Promise<SchedulerClient> {
    return this.#client('Scheduler', async (config) => {
      const { SchedulerClient } = await import('@aws-sdk/client-scheduler');
      return new SchedulerClient(config);
    });
  }

  secretsManager(): Promise<SecretsManagerClient> {
    return this.#client('SecretsManager', async (config) => {
      const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
      return new SecretsManagerClient(config);
    });
  }

  serviceQuotas(): Promise<ServiceQuotasClient> {
    return this.#client('ServiceQuotas', async (config) => {
      const { ServiceQuotasClient } = await import('@aws-sdk/client-service-quotas');
      return new ServiceQuotasClient(config);
    });
  }

  sns(): Promise<SNSClient> {
    return this.#client('SNS', async (config) => {
      const { SNSClient } = await import('@aws-sdk/client-sns');
      return new SNSClient(config);
    });
  }

  ssm(): Promise<SSMClient> {
    return this.#client('SSM', async (config) => {
      const { SSMClient } = await import('@aws-sdk/client-ssm');
      return new SSMClient(config);
    });
  }

  sts(): Promise<STSClient> {
    return this.#client('STS', async (config) => {
      const { STSClient } = await import('@aws-sdk/client-sts');
      return new STSClient(config);
    });
  }

  #client<T extends object>(name: string, make: (config: ClientConfig) => Promise<T>): Promise<T> {
    const known = this.#clients.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    this.#handler ??= requestHandler(this.#env);
    const client = this.#handler
      .then((handler) =>
        make({
          ...(this.#region !== undefined && { region: this.#region }),
          ...(this.#profile !== undefined && { profile: this.#profile }),
          requestHandler: handler,
        }),
      )
      .then((made) => this.#interruptible(made));
    this.#clients.set(name, client);
    return client;
  }

  /** Ctrl-C ends the client's requests, also while it looks for credentials. Paginators use `send` too. */
  #interruptible<T extends object>(client: T): T {
    if (!('send' in client) || typeof client.send !== 'function') throw new TypeError('The client has no send.');
    const send = client.send.bind(client) as Send;
    const interruptible: Send = (command, options) =>
      READS.test(command.constructor.name)
        ? this.#interruption.read((abortSignal) => send(command, { ...options, abortSignal }))
        : this.#interruption.change(() => send(command, options));
    return Object.assign(client, { send: interruptible });
  }
}

type Send = (command: object, options?: object) => Promise<unknown>;

/** The classes of the SDK's commands that change nothing. */
const READS = /^(?:Describe|Get|List|Filter)[A-Z]\w*Command$/;

/** The SDK for JavaScript doesn't read `AWS_DEFAULT_REGION`, the AWS CLI does: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html */
function regionOf(option: string | undefined, env: Io['env']): string | undefined {
  if (option !== undefined || (env['AWS_REGION'] ?? '') !== '') return option;
  const region = env['AWS_DEFAULT_REGION'] ?? '';
  return region === '' ? undefined : region;
}

/** The SDK doesn't read HTTPS_PROXY, but Node's agent does, except for the hosts in NO_PROXY. https://nodejs.org/api/http.html#built-in-proxy-support */
async function requestHandler(env: Io['env']): Promise<RequestHandler> {
  if ((env['https_proxy'] ?? env['HTTPS_PROXY'] ?? '') === '') return LIMITS;
  const { Agent } = await import('node:https');
  return { ...LIMITS, httpsAgent: new Agent({ keepAlive: true, proxyEnv: { ...env } }) };
}

type RequestHandler = typeof LIMITS & { readonly httpsAgent?: import('node:https').Agent };

interface ClientConfig {
  readonly region?: string;
  readonly profile?: string;
  readonly requestHandler: RequestHandler;
}
