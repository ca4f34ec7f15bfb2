/** Starts all emulators in this process: HCP Terraform, ECS with Secrets Manager, and the resources of a deployment. */
import { fileURLToPath } from 'node:url';
import { ENV } from '../../functions/launcher/contract.ts';
import type { AgentPoolEnvironment } from '../../functions/launcher/pool-environment.ts';
import {
  DEFAULT_IDLE_POLL_SECONDS,
  DEFAULT_SCHEDULE_MINUTES,
  DEFAULT_START_DEADLINE_SECONDS,
} from '../../lib/defaults.ts';
import { packageVersion } from '../../lib/version.ts';
import { ContainerRunner } from '../ecs/container-runner.ts';
import type { ReceivingQueue } from '../ecs/core/queues.ts';
import { type EcsOptions, type EcsServer, startEcs } from '../ecs/server.ts';
import { LocalGateway, type LocalGatewayOptions } from '../gateway/local-gateway.ts';
import type { ContainerView } from '../hcp-terraform/routes/run-page.ts';
import { type HcpTerraformOptions, type HcpTerraformServer, startHcpTerraform } from '../hcp-terraform/server.ts';
import type { Containers } from './containers.ts';
import { deploy } from './deployment.ts';
import { HcpApi } from './hcp-api.ts';
import { CONNECT_TO_VARIABLE, SETTINGS_HOSTNAME } from './settings-hostname.ts';
import { AGENT_IMAGE, CONTAINER_CA, LAUNCHER, taskDefinition } from './task-definition.ts';

export interface WorldSettings {
  /** The pools. The first one exists from the start. */
  readonly pools: readonly { readonly name: string; readonly maxAgents: number }[];
  /** The container engine for the tasks. Absent: tasks run as processes. */
  readonly containers?: Containers | undefined;
  /** HCP Terraform's data from an earlier start. */
  readonly identity?: Pick<HcpTerraformOptions, 'port' | 'certificate' | 'seeds'>;
  /** Seconds between two polls of the launcher while a pool is active. Default: {@link POLLED_EVERY_SECONDS}. */
  readonly activePollSeconds?: number;
  /** HCP Terraform's rate limits. Default: those of the vendor. */
  readonly rateLimits?: HcpTerraformOptions['rateLimits'];
  /** The gateway of the egress mode `on-demand`, through which alone tasks reach the internet. Absent: they always can. */
  readonly gateway?: Pick<LocalGatewayOptions, 'filterMs'> | undefined;
  /** More options of the local AWS. */
  readonly aws?: Pick<EcsOptions, 'phases' | 'readLagMs' | 'aws'>;
}

export interface LocalWorld {
  readonly hcpTerraform: HcpTerraformServer;
  readonly ecs: EcsServer;
  /** The gateway of the tasks; `undefined` unless {@link WorldSettings.gateway} is set. */
  readonly gateway: LocalGateway | undefined;
  /** A client of HCP Terraform's API with a user's token, not with the launcher's. */
  readonly api: HcpApi;
  /** The pools by name. */
  readonly poolIds: ReadonlyMap<string, string>;
  /** The queue of wake-ups, whose messages invoke the launcher's function. */
  readonly wakeUps: ReceivingQueue;
  /** The environment of the launcher's function. It contains no variables of the host. */
  readonly launcherEnvironment: Readonly<Record<string, string>>;
  /** Variables with which the command `agent-launcher`, and any SDK of AWS, use this world. */
  readonly clientEnvironment: Readonly<Record<string, string>>;
  /** Ends all tasks and both servers. A second call ends them immediately. */
  close(): Promise<void>;
}

/** Seconds between two polls of the launcher while a pool is active. */
export const POLLED_EVERY_SECONDS = 3;
const ORGANIZATION = 'acme';
const ENTRYPOINT = fileURLToPath(new URL('../../agent-image/entrypoint.sh', import.meta.url));
const AGENT_DIRECTORY = fileURLToPath(new URL('../tfc-agent', import.meta.url));

/** Resolves when everything is ready. If a part fails to start, ends the other parts. */
export async function startWorld(settings: WorldSettings): Promise<LocalWorld> {
  let ecs: EcsServer | undefined;
  const hcpTerraform = await startHcpTerraform({
    organization: ORGANIZATION,
    hosts: [SETTINGS_HOSTNAME],
    agentPoolName: settings.pools[0]?.name ?? 'default',
    ...settings.identity,
    ...(settings.rateLimits !== undefined && { rateLimits: settings.rateLimits }),
    containerOf: (agentName) => (ecs === undefined ? undefined : containerView(ecs, agentName)),
  });
  try {
    ecs = await startEcs({ ...settings.aws, ...runnerOf(settings.containers, hcpTerraform) });
    return await furnish(settings, hcpTerraform, ecs);
  } catch (error) {
    await ecs?.close();
    await hcpTerraform.close();
    throw error;
  }
}

/** The task of the agent with this name, for the web page of a run. */
function containerView(ecs: EcsServer, agentName: string): ContainerView | undefined {
  const task = ecs.task(agentName);
  if (task === undefined) return undefined;
  const facts = {
    Task: task.arn,
    Status: task.lastStatus,
    'Launched for': task.startedBy ?? '',
    Stopped: task.stoppedReason,
    'Exit code': task.containers[0]?.exitCode?.toString(),
  };
  return {
    facts: Object.entries(facts).flatMap(([name, fact]) => (fact === undefined ? [] : [[name, fact] as const])),
    lines: ecs.logs(task.id).map(({ text }) => text),
  };
}

function runnerOf(containers: Containers | undefined, { caFile }: HcpTerraformServer): EcsOptions {
  if (containers === undefined) {
    return { images: { [AGENT_IMAGE]: { entryPoint: [ENTRYPOINT], path: [AGENT_DIRECTORY] } } };
  }
  const { engine } = containers;
  const hostFiles = [...containers.hostFiles, { source: caFile, target: CONTAINER_CA }];
  return { runner: (host) => ContainerRunner.open({ engine, hostFiles }, host) };
}

/** Creates what a deployment and its owner create: pools, tokens, secrets, a cluster and task definitions. */
async function furnish(settings: WorldSettings, hcpTerraform: HcpTerraformServer, ecs: EcsServer): Promise<LocalWorld> {
  const api = new HcpApi({
    url: hcpTerraform.url,
    organization: ORGANIZATION,
    token: hcpTerraform.apiToken,
    certificate: hcpTerraform.certPem,
  });
  ecs.createCluster({ clusterName: LAUNCHER });

  const poolIds = new Map<string, string>();
  const agentPools: (AgentPoolEnvironment & { readonly apiTokenSecret: string })[] = [];
  for (const [index, { name, maxAgents }] of settings.pools.entries()) {
    const pool = index === 0 ? hcpTerraform.agentPool : await api.createPool(name);
    // Each additional pool has its own user. Rate limits count per user, so each pool can be polled as often as the first.
    const apiToken =
      index === 0 ? hcpTerraform.launcherApiToken : hcpTerraform.addUser(`launcher-${name}`, 'read').apiToken;
    const definition = taskDefinition(name, {
      hcpTerraform,
      region: ecs.region,
      accountId: ecs.accountId,
      tokenSecret: ecs.putSecret(`agent-launcher/${name}/agent-token`, pool.token),
      image: settings.containers?.image.reference,
    });
    ecs.registerTaskDefinition(definition);
    poolIds.set(name, pool.id);
    const apiTokenSecret = ecs.putSecret(`agent-launcher/${name}/api-token`, apiToken);
    agentPools.push({ name, maxAgents, lanes: [{ taskDefinition: definition.family }], apiTokenSecret });
  }

  const gateway = settings.gateway && new LocalGateway(ecs, { stack: LAUNCHER, ...settings.gateway });
  const wakeUps = ecs.createQueue('wake-ups', { visibilityTimeout: 60, messageRetentionPeriod: 120 });
  const deployedEnvironment = {
    [ENV.hostname]: hcpTerraform.hostname,
    [ENV.organization]: ORGANIZATION,
    [ENV.apiTokenSecret]: agentPools[0]?.apiTokenSecret ?? '',
    [ENV.agentPools]: JSON.stringify(agentPools),
    [ENV.cluster]: LAUNCHER,
    [ENV.subnets]: ecs.subnets.map(({ id }) => id).join(','),
    [ENV.securityGroups]: ecs.securityGroups.join(','),
    [ENV.assignPublicIp]: 'DISABLED',
    [ENV.activePollSeconds]: String(settings.activePollSeconds ?? POLLED_EVERY_SECONDS),
    [ENV.idlePollSeconds]: String(DEFAULT_IDLE_POLL_SECONDS),
    [ENV.startDeadlineSeconds]: String(DEFAULT_START_DEADLINE_SECONDS),
    [ENV.scheduleSeconds]: String(DEFAULT_SCHEDULE_MINUTES * 60),
    [ENV.version]: packageVersion(),
    [ENV.wakeUpsQueueUrl]: wakeUps.url,
    ...gateway?.variables(),
    POWERTOOLS_SERVICE_NAME: LAUNCHER,
  };
  deploy(ecs, {
    pools: agentPools.map(({ name }) => name),
    environment: deployedEnvironment,
    port: hcpTerraform.port,
    wakeUpsArn: wakeUps.queue.arn,
    gateway,
  });
  const credentials = {
    AWS_ACCESS_KEY_ID: ecs.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: ecs.credentials.secretAccessKey,
  };
  return {
    hcpTerraform,
    ecs,
    gateway,
    api,
    wakeUps: wakeUps.queue,
    poolIds,
    launcherEnvironment: {
      ...deployedEnvironment,
      NODE_EXTRA_CA_CERTS: hcpTerraform.caFile,
      AWS_REGION: ecs.region,
      AWS_ENDPOINT_URL_EC2: ecs.url,
      AWS_ENDPOINT_URL_ECS: ecs.url,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: ecs.url,
      AWS_ENDPOINT_URL_SQS: ecs.url,
      ...credentials,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    clientEnvironment: {
      AWS_ENDPOINT_URL: ecs.url,
      AWS_REGION: ecs.region,
      // Version 1 of the aws CLI reads only this variable.
      AWS_DEFAULT_REGION: ecs.region,
      ...credentials,
      NODE_EXTRA_CA_CERTS: hcpTerraform.caFile,
      TFE_TOKEN: hcpTerraform.apiToken,
      [CONNECT_TO_VARIABLE]: hcpTerraform.hostname,
    },
    async close() {
      gateway?.close();
      await ecs.close();
      await api.close();
      await hcpTerraform.close();
    },
  };
}
