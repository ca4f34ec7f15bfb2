import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Faults } from '../aws/core/faults.ts';
import type { Scheduler } from '../aws/core/scheduler.ts';
import { type ApiCall, sendJson, serveApi } from '../aws/http.ts';
import { AWS_JSON, AWS_JSON_1_0 } from '../aws/json-protocol.ts';
import { type AwsOptions, AwsServices } from '../aws/services.ts';
import { type Credentials, newCredentials } from '../aws/signature.ts';
import { httpServer, listen } from '../http-server.ts';
import { machineScheduler } from '../machine-scheduler.ts';
import type { Refusal, Subnet, VcpuQuotas } from './core/capacity.ts';
import type { CreateClusterInput } from './core/clusters.ts';
import { containerSecret } from './core/container-secrets.ts';
import { Ecs, type EcsRules, VENDOR_RATES } from './core/ecs.ts';
import type { TokenRules } from './core/idempotency.ts';
import type { Phases } from './core/lifecycle.ts';
import { QUERY_ERRORS, type QueueAttributes, Queues, type ReceivingQueue } from './core/queues.ts';
import { usedCpu } from './core/run-task.ts';
import type { ContainerLaunch } from './core/runner.ts';
import { Secrets } from './core/secrets.ts';
import type { StartFailure } from './core/start-failures.ts';
import type { Task } from './core/task.ts';
import type { RegisterTaskDefinitionInput } from './core/task-definition-schema.ts';
import type { TaskDefinition } from './core/task-definitions.ts';
import { SPOT_INTERRUPTED } from './core/wording.ts';
import { type Image, Images, ORDINARY_IMAGES } from './images.ts';
import type { MachineRunner, RunnerHost } from './machine-runner.ts';
import { metadataDocument } from './metadata.ts';
import { ProcessRunner } from './process-runner.ts';
import { type LogLine, TaskLogs } from './task-logs.ts';

/** All options are optional. By default, the server is fast and has no quotas and no rate limits. */
export interface EcsOptions {
  /** Hostnames for which the server responds, in addition to those of loopback. Default: none. */
  readonly hosts?: readonly string[];
  /** Port on 127.0.0.1. Default, and for 0: a free port. */
  readonly port?: number;
  /** Default: `eu-central-1`. */
  readonly region?: string;
  /** Twelve digits. Default: zeros. */
  readonly accountId?: string;
  /** Credentials that requests must be signed with. Default: random. */
  readonly credentials?: Credentials;
  /** Subnets that tasks may use. Default: three, in three zones. */
  readonly subnets?: readonly Subnet[];
  /** Security groups that tasks may use. Default: one. */
  readonly securityGroups?: readonly string[];
  /** Whether RunTask refuses subnets and security groups that are not in the two lists. Default: no. */
  readonly strictNetwork?: boolean;
  /** Durations of a task's start and end, or a function that returns them for each task. Default: {@link LOCAL_PHASES}. */
  readonly phases?: Partial<Phases> | ((task: Task) => Phases);
  /** Milliseconds for which ListTasks and DescribeTasks don't show a new task. Default: 0. */
  readonly readLagMs?: number;
  /** Milliseconds for which a stopped task is shown. Default: one hour. */
  readonly stoppedTaskRetentionMs?: number;
  /** Lifetime of a client token (default: 24 h), and whether a newer revision of a family counts as a changed parameter (default: yes). */
  readonly clientTokens?: Partial<TokenRules> & { readonly compareRevision?: boolean };
  readonly quotas?: VcpuQuotas;
  /** `true` applies the vendor's rates. An object sets other rates. Default: no limits. */
  readonly rates?: true | typeof VENDOR_RATES;
  /** Runs the containers. Default: processes of this machine ({@link ProcessRunner}). */
  readonly runner?: (host: RunnerHost) => Promise<MachineRunner>;
  /** Images that the process runner provides in addition to {@link ORDINARY_IMAGES}, by name. */
  readonly images?: Readonly<Record<string, Image>>;
  /** PATH of the process runner's containers. Default: the PATH of this process. */
  readonly hostPath?: string;
  /** Milliseconds that tasks may take to end when the server closes. Default: 3000. */
  readonly closeGraceMs?: number;
  /** The emulator's delays and time limits use this clock. The containers' processes use real time. Default: the machine's clock. */
  readonly scheduler?: Scheduler;
  /** Options of the other services on this endpoint. */
  readonly aws?: AwsOptions;
}

/** A running server. */
export interface EcsServer {
  readonly url: string;
  readonly port: number;
  readonly region: string;
  readonly accountId: string;
  /** Requests with any other signature are rejected. */
  readonly credentials: Credentials;
  readonly subnets: readonly Subnet[];
  readonly securityGroups: readonly string[];
  /** Adds faults to the next matching API calls. */
  readonly faults: Faults;
  /** The other services on this endpoint. */
  readonly aws: AwsServices;
  createCluster(input: CreateClusterInput): void;
  registerTaskDefinition(input: RegisterTaskDefinitionInput): TaskDefinition;
  /** Creates the secret, or adds a new current version. @returns its ARN */
  putSecret(name: string, value: string): string;
  /** Creates a standard queue of SQS. @returns the queue for its consumer, and the URL for its senders */
  createQueue(name: string, attributes: QueueAttributes): { readonly queue: ReceivingQueue; readonly url: string };
  /** Adds an image for the process runner. */
  registerImage(reference: string, image: Image): void;
  /** Returns the tasks that the API still knows, with their history, oldest first: those of one cluster, or of all clusters. */
  tasks(cluster?: string): readonly Task[];
  /** Finds a task by id or ARN. */
  task(idOrArn: string): Task | undefined;
  /** Returns the output of a task's containers so far. */
  logs(idOrArn: string): readonly LogLine[];
  /** Calls the listener after every change of a task. @returns a function that unsubscribes */
  onTaskChange(listener: (task: Task) => void): () => void;
  /** Calls the listener after every output line of a task. @returns a function that unsubscribes */
  onLogLine(listener: (task: Task, line: LogLine) => void): () => void;
  /** Returns the last 10,000 API requests. */
  calls(): readonly ApiCall[];
  /** Adds a capacity shortage. @returns a function that ends it */
  refuse(refusal: Refusal): () => void;
  /** Adds a fault during task startup. @returns a function that ends it */
  failStart(failure: StartFailure): () => void;
  /** Denies execution roles access to this secret (name or ARN). @returns a function that ends it */
  denySecret(nameOrArn: string): () => void;
  /** Interrupts the Spot task. @returns false if there is no such live task */
  interruptSpot(idOrArn: string): boolean;
  /** Kills the container because it ran out of memory. @returns false if no container is running */
  outOfMemory(idOrArn: string, container?: string): boolean;
  /** Kills the task's container with SIGKILL. @returns false if no container is running */
  kill(idOrArn: string): boolean;
  /** Ends the tasks' processes and then the server. A second call ends everything immediately. */
  close(): Promise<void>;
}

export const LOCAL_PHASES: Phases = { provisionMs: 250, pullMs: 400, bootMs: 150, deprovisionMs: 150 };

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Starts ECS, Secrets Manager, SQS and the services in local/aws on loopback. */
export async function startEcs(options: EcsOptions = {}): Promise<EcsServer> {
  const region = options.region ?? 'eu-central-1';
  const accountId = options.accountId ?? '000000000000';
  const place = { region, accountId };
  const scheduler = options.scheduler ?? machineScheduler;
  const now = (): number => scheduler.now();
  const subnets = options.subnets ?? defaultSubnets(region);
  const securityGroups = options.securityGroups ?? ['sg-0a1b2c3d4e5f60718'];
  const images = new Images({ ...ORDINARY_IMAGES, ...options.images });
  const secrets = new Secrets(place, now, randomHex);
  const queues = new Queues(place, now, randomHex);
  const denied = new Set<string>();
  const faults = new Faults();
  const aws = new AwsServices({
    place,
    scheduler,
    hex: randomHex,
    network: { subnets, securityGroups },
    ...options.aws,
  });
  const logs = new TaskLogs();
  const logListeners = new Set<(task: Task, line: LogLine) => void>();
  const calls: ApiCall[] = [];
  let url = '';

  const host: RunnerHost = {
    region,
    metadataUrl: () => `${url}/v4`,
    output: (launch, stream, text) => {
      const line: LogLine = { at: now(), container: launch.definition.name, stream, text };
      logs.add(launch.taskId, line);
      awslogs(aws, launch, line);
      const task = ecs.task(launch.taskId);
      if (task !== undefined) for (const listener of logListeners) listener(task, line);
    },
  };
  const hostPath = options.hostPath ?? process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
  const runner = (await options.runner?.(host)) ?? new ProcessRunner({ ...host, images, hostPath });
  const ecs: Ecs = new Ecs({
    ...rulesOf(options),
    place,
    scheduler,
    runner,
    hex: randomHex,
    secret: (valueFrom, role) =>
      containerSecret(secrets, valueFrom, role, (arn) => ![...denied].some((id) => secrets.find(id)?.arn === arn)),
    vpc: { subnets, securityGroups, strict: options.strictNetwork ?? false },
  });
  for (const spot of [false, true]) {
    aws.cloudWatch.addGauge({ ...fargateVcpus(spot), value: () => usedCpu(ecs.tasks(), spot) / 1024 });
  }

  const credentials = options.credentials ?? newCredentials();
  const server = httpServer({
    maxBodyBytes: MAX_BODY_BYTES,
    hosts: options.hosts ?? [],
    // AWS has no such error; this is the most similar code that SDKs know.
    refuse: (reply, message) =>
      sendJson(reply, AWS_JSON, 403, JSON.stringify({ __type: 'AccessDeniedException', message })),
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).send());
  serveApi(server, {
    credentials,
    services: [
      {
        protocol: 'json',
        target: 'AmazonEC2ContainerServiceV20141113',
        actions: ecs.actions,
        messageMember: 'message',
      },
      { protocol: 'json', target: 'secretsmanager', actions: secrets.actions, messageMember: 'Message' },
      {
        protocol: 'json',
        target: 'AmazonSQS',
        actions: queues.actions,
        messageMember: 'message',
        mediaType: AWS_JSON_1_0,
        queryErrors: QUERY_ERRORS,
      },
      ...aws.all,
    ],
    faults,
    now,
    answered: (call) => {
      calls.push(call);
      if (calls.length > 10_000) calls.shift();
      logs.keep((taskId) => ecs.task(taskId) !== undefined);
    },
  });
  server.get('/*', (request, reply) => serveMetadata(ecs, request, reply));
  const port = await listen(server, options.port).catch(async (error: unknown) => {
    await runner.close(0);
    throw error;
  });
  url = `http://127.0.0.1:${port}`;

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    ecs.close();
    aws.close();
    await runner.close(options.closeGraceMs ?? 3000);
    await server.close();
  };

  return {
    url,
    port,
    region,
    accountId,
    credentials,
    subnets,
    securityGroups,
    faults,
    aws,
    createCluster: (input) => void ecs.clusters.create(input),
    registerTaskDefinition: (input) => ecs.definitions.add(input),
    putSecret: (name, value) => putSecret(secrets, name, value),
    createQueue: (name, attributes) => ({
      queue: queues.create(name, attributes),
      url: `${url}/${accountId}/${name}`,
    }),
    registerImage: (reference, image) => images.set(reference, image),
    tasks: (cluster) => [...ecs.tasks()].filter((task) => cluster === undefined || task.clusterName === cluster),
    task: (idOrArn) => ecs.task(idOrArn),
    logs: (idOrArn) => logs.lines(idOrArn.split('/').at(-1) ?? idOrArn),
    onTaskChange: (listener) => ecs.onTaskChange(listener),
    onLogLine: (listener) => {
      logListeners.add(listener);
      return () => logListeners.delete(listener);
    },
    calls: () => calls,
    refuse: (refusal) => ecs.capacity.refuse(refusal),
    failStart: (failure) => ecs.startFailures.add(failure),
    denySecret: (nameOrArn) => {
      denied.add(nameOrArn);
      return () => denied.delete(nameOrArn);
    },
    interruptSpot: (idOrArn) => {
      const task = ecs.task(idOrArn);
      if (task === undefined || task.desiredStatus === 'STOPPED') return false;
      ecs.stop(task, 'SpotInterruption', SPOT_INTERRUPTED);
      return true;
    },
    outOfMemory: (idOrArn, container) => {
      const task = ecs.task(idOrArn);
      return task !== undefined && ecs.outOfMemory(task, container);
    },
    kill: (idOrArn) => {
      const task = ecs.task(idOrArn);
      return task !== undefined && ecs.kill(task);
    },
    close: () => {
      if (closing !== undefined) runner.killAll();
      closing ??= close();
      return closing;
    },
  };
}

function rulesOf(options: EcsOptions): Omit<EcsRules, 'place' | 'scheduler' | 'runner' | 'hex' | 'secret' | 'vpc'> {
  const { phases, readLagMs, stoppedTaskRetentionMs, clientTokens, quotas, rates } = options;
  return {
    phases: typeof phases === 'function' ? phases : { ...LOCAL_PHASES, ...phases },
    ...(readLagMs === undefined ? {} : { readLagMs }),
    ...(stoppedTaskRetentionMs === undefined ? {} : { stoppedTaskRetentionMs }),
    ...(clientTokens === undefined ? {} : { clientTokens: { ttlMs: 24 * 3_600_000, ...clientTokens } }),
    ...(quotas === undefined ? {} : { quotas }),
    ...(rates === undefined ? {} : { rates: rates === true ? VENDOR_RATES : rates }),
  };
}

/** The metric of the vCPUs in use. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/monitoring-fargate-usage.html */
export const fargateVcpus = (spot: boolean) => ({
  namespace: 'AWS/Usage',
  name: 'ResourceCount',
  dimensions: {
    Service: 'Fargate',
    Type: 'Resource',
    Resource: 'vCPU',
    Class: spot ? 'Standard/Spot' : 'Standard/OnDemand',
  },
});

/** The log driver awslogs. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html */
function awslogs({ logs }: AwsServices, { definition, taskId }: ContainerLaunch, { at, text }: LogLine): void {
  const { logDriver, options = {} } = definition.logConfiguration ?? {};
  const { 'awslogs-group': group, 'awslogs-stream-prefix': prefix } = options;
  if (logDriver !== 'awslogs' || group === undefined || prefix === undefined) return;
  logs.store.add(group, `${prefix}/${definition.name}/${taskId}`, text, at);
}

function serveMetadata(ecs: Ecs, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const [, runtimeId = '', path = ''] = /^\/v[34]\/([0-9a-f]+-[0-9a-f]+)(\/[A-Za-z]+)?$/.exec(request.url) ?? [];
  const task = ecs.task(runtimeId.split('-')[0] ?? '');
  const container = task?.containers.find((candidate) => candidate.runtimeId === runtimeId);
  const document = task && container ? metadataDocument(task, container, path) : undefined;
  const body = JSON.stringify(document ?? { error: 'There is nothing at this address.' });
  return sendJson(reply, 'application/json', document === undefined ? 404 : 200, body);
}

function putSecret(secrets: Secrets, name: string, value: string): string {
  if (secrets.find(name) !== undefined) return secrets.put({ SecretId: name, SecretString: value }).ARN;
  return secrets.create({ Name: name, SecretString: value }).ARN;
}

function defaultSubnets(region: string): readonly Subnet[] {
  return ['a', 'b', 'c'].map((zone, index) => ({
    id: `subnet-0a1b2c3d4e5f6071${index}`,
    availabilityZone: `${region}${zone}`,
  }));
}

function randomHex(digits: number): string {
  return randomBytes(Math.ceil(digits / 2))
    .toString('hex')
    .slice(0, digits);
}
