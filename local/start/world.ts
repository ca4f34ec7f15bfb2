/** Starts all emulators in this process: HCP Terraform, ECS with Secrets Manager, and the resources of a deployment. */
import { fileURLToPath } from 'node:url';
import { AGENT_CONTAINER, ENV, IDLE_SECONDS_VARIABLE } from '../../functions/launcher/contract.ts';
import type { AgentPoolEnvironment } from '../../functions/launcher/pool-environment.ts';
import { ContainerRunner } from '../ecs/container-runner.ts';
import type { Task } from '../ecs/core/task.ts';
import { type EcsOptions, type EcsServer, startEcs } from '../ecs/server.ts';
import type { ContainerView } from '../hcp-terraform/routes/run-page.ts';
import { type HcpTerraformOptions, type HcpTerraformServer, startHcpTerraform } from '../hcp-terraform/server.ts';
import type { WorldEvent } from '../hcp-terraform/world.ts';
import type { Containers } from './containers.ts';
import { HcpApi } from './hcp-api.ts';

export interface WorldSettings {
  readonly organization: string;
  /** The first one exists from the start. */
  readonly pools: readonly { readonly name: string; readonly maxAgents: number }[];
  /** Seconds after which an agent without a job exits. */
  readonly idleSeconds: number;
  /** Seconds between two polls of the launcher while a pool is active. */
  readonly activePollSeconds: number;
  /** The container engine for the tasks. Absent: tasks run as processes. */
  readonly containers?: Containers;
  /** What HCP Terraform keeps from an earlier start. */
  readonly identity?: Pick<HcpTerraformOptions, 'port' | 'certificate' | 'seeds'>;
  readonly onHcpTerraformEvent: (event: WorldEvent) => void;
  readonly onTaskChange: (task: Task) => void;
}

export interface LocalWorld {
  readonly hcpTerraform: HcpTerraformServer;
  readonly ecs: EcsServer;
  /** HCP Terraform's API with a user's token, not the launcher's. */
  readonly api: HcpApi;
  /** Pool ids by name. */
  readonly poolIds: ReadonlyMap<string, string>;
  /** The environment of the launcher's function, without the host's own variables. */
  readonly launcherEnvironment: Readonly<Record<string, string>>;
  /** The pool of a task definition family. */
  poolOfFamily(family: string): string;
  /** Ends every task and both servers. A second call ends them immediately. */
  close(): Promise<void>;
}

const CLUSTER = 'agents';
const AGENT_IMAGE = 'hashicorp/tfc-agent:1.33.0';
const familyOf = (pool: string): string => `agent-launcher-${pool}`;
const ENTRYPOINT = fileURLToPath(new URL('../../agent-image/entrypoint.sh', import.meta.url));
/** Copy of the value in lib/agent/image.ts, because importing it would load the CDK. A test compares both. */
export const AGENT_USER = 'tfc-agent';
export const WRITABLE_FOLDERS = { data: '/home/tfc-agent/.tfc-agent', tmp: '/tmp' } as const;
/** Path of the certificate in a container, where the host's path doesn't exist. */
const CONTAINER_CA = '/etc/agent-launcher/hcp-terraform.pem';
const AGENT_DIRECTORY = fileURLToPath(new URL('../tfc-agent', import.meta.url));

/** Resolves when everything is ready. If a part fails to start, the others are ended. */
export async function startWorld(settings: WorldSettings): Promise<LocalWorld> {
  let ecs: EcsServer | undefined;
  const hcpTerraform = await startHcpTerraform({
    organization: settings.organization,
    agentPoolName: settings.pools[0]?.name ?? 'default',
    ...settings.identity,
    containerOf: (agentName) => (ecs === undefined ? undefined : containerView(ecs, agentName)),
    onEvent: settings.onHcpTerraformEvent,
  });
  try {
    ecs = await startEcs(runsBy(settings.containers, hcpTerraform));
    return await furnish(settings, hcpTerraform, ecs);
  } catch (error) {
    await ecs?.close();
    await hcpTerraform.close();
    throw error;
  }
}

/** The task whose agent has this name, for a run's page. */
function containerView(ecs: EcsServer, agentName: string): ContainerView | undefined {
  const task = ecs.task(agentName);
  if (task === undefined) return undefined;
  const exitCode = task.containers[0]?.exitCode;
  return {
    facts: [
      ['Task', task.arn],
      ['Status', task.lastStatus],
      ['Launched for', task.startedBy ?? ''],
      ...(task.stoppedReason === undefined ? [] : [['Stopped', task.stoppedReason] as const]),
      ...(exitCode === undefined ? [] : [['Exit code', String(exitCode)] as const]),
    ],
    lines: ecs.logs(task.id).map(({ text }) => text),
  };
}

/** The runner of the tasks. */
function runsBy(containers: Containers | undefined, { caFile }: HcpTerraformServer): EcsOptions {
  if (containers === undefined) {
    return { images: { [AGENT_IMAGE]: { entryPoint: [ENTRYPOINT], path: [AGENT_DIRECTORY] } } };
  }
  const { engine } = containers;
  const hostFiles = [...containers.hostFiles, { source: caFile, target: CONTAINER_CA }];
  return { runner: (host) => ContainerRunner.open({ engine, hostFiles }, host) };
}

/** Creates what a deployment and its owner create: pools, tokens, secrets, a cluster and task definitions. */
async function furnish(settings: WorldSettings, hcpTerraform: HcpTerraformServer, ecs: EcsServer): Promise<LocalWorld> {
  const otherPools = settings.pools.slice(1);
  ecs.onTaskChange(settings.onTaskChange);
  const api = new HcpApi({
    url: hcpTerraform.url,
    organization: settings.organization,
    token: hcpTerraform.apiToken,
    certificate: hcpTerraform.certPem,
  });

  const tokens = new Map([[hcpTerraform.agentPool.name, hcpTerraform.agentPool]]);
  for (const { name } of otherPools) tokens.set(name, { name, ...(await api.createPool(name)) });

  ecs.createCluster({ clusterName: CLUSTER });
  const apiTokenSecret = ecs.putSecret('agent-launcher/api-token', hcpTerraform.launcherApiToken);
  // Each further pool has its own user. Rate limits count per user, so each pool can be polled as often as the first.
  const apiTokenSecrets = new Map(
    otherPools.map(({ name }) => [
      name,
      ecs.putSecret(`agent-launcher/${name}/api-token`, hcpTerraform.addUser(`launcher-${name}`, 'read').apiToken),
    ]),
  );
  for (const { name, token } of tokens.values()) {
    ecs.registerTaskDefinition({
      family: familyOf(name),
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      cpu: '1024',
      memory: '2048',
      executionRoleArn: `arn:aws:iam::${ecs.accountId}:role/agent-execution-${name}`,
      volumes: Object.keys(WRITABLE_FOLDERS).map((volume) => ({ name: volume })),
      containerDefinitions: [
        {
          name: AGENT_CONTAINER,
          image: settings.containers?.image.reference ?? AGENT_IMAGE,
          essential: true,
          user: AGENT_USER,
          readonlyRootFilesystem: true,
          linuxParameters: { capabilities: { drop: ['ALL'] }, initProcessEnabled: false },
          mountPoints: Object.entries(WRITABLE_FOLDERS).map(([sourceVolume, containerPath]) => ({
            sourceVolume,
            containerPath,
            readOnly: false,
          })),
          stopTimeout: 120,
          environment: Object.entries({
            TFC_ADDRESS: hcpTerraform.url,
            TFC_AGENT_AUTO_UPDATE: 'disabled',
            TFC_AGENT_LOG_LEVEL: 'info',
            [IDLE_SECONDS_VARIABLE]: String(settings.idleSeconds),
            SSL_CERT_FILE: settings.containers === undefined ? hcpTerraform.caFile : CONTAINER_CA,
          }).map(([key, value]) => ({ name: key, value })),
          secrets: [{ name: 'TFC_AGENT_TOKEN', valueFrom: ecs.putSecret(`agent-launcher/${name}/agent-token`, token) }],
        },
      ],
    });
  }

  const agentPools = settings.pools.map(({ name, maxAgents }): AgentPoolEnvironment => {
    const own = apiTokenSecrets.get(name);
    return {
      name,
      maxAgents,
      lanes: [{ taskDefinition: familyOf(name) }],
      ...(own === undefined ? {} : { apiTokenSecret: own }),
    };
  });
  return {
    hcpTerraform,
    ecs,
    api,
    poolIds: new Map([...tokens.values()].map(({ name, id }) => [name, id])),
    launcherEnvironment: {
      [ENV.hostname]: hcpTerraform.hostname,
      [ENV.organization]: settings.organization,
      [ENV.apiTokenSecret]: apiTokenSecret,
      [ENV.agentPools]: JSON.stringify(agentPools),
      [ENV.cluster]: CLUSTER,
      [ENV.subnets]: ecs.subnets.map(({ id }) => id).join(','),
      [ENV.securityGroups]: ecs.securityGroups.join(','),
      [ENV.activePollSeconds]: String(settings.activePollSeconds),
      NODE_EXTRA_CA_CERTS: hcpTerraform.caFile,
      AWS_REGION: ecs.region,
      AWS_ENDPOINT_URL_ECS: ecs.url,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: ecs.url,
      AWS_ACCESS_KEY_ID: ecs.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ecs.credentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    poolOfFamily: (family) => settings.pools.find(({ name }) => familyOf(name) === family)?.name ?? family,
    async close() {
      await ecs.close();
      await api.close();
      await hcpTerraform.close();
    },
  };
}
