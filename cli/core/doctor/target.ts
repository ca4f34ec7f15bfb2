/**
 * What `doctor` checks: the parts that the settings or a deployed stack need. Before the deployment, they come from the settings. Afterwards,
 * they come from the stack: from the function's environment and the task definitions, because these are what runs.
 */
import { type Capacity, PHASES, type Phase } from '../../../functions/launcher/contract.ts';
import type { AgentPoolEnvironment, LaneEnvironment } from '../../../functions/launcher/pool-environment.ts';
import { versionOfImage } from '../../../lib/agent/version.ts';
import { DEFAULT_CPU } from '../../../lib/defaults.ts';
import type { VpcNeeds } from '../../../lib/network-check/findings.ts';
import { existingVpcNeeds } from '../../../lib/network-check/needs.ts';
import type { Settings } from '../../../lib/settings/parse.ts';
import { builtVersion, isCopied } from '../../../lib/settings/task-images.ts';
import type { DeployedVpcNeeds, DeployedVpcTask } from './deployed-vpc.ts';
import type { Observed } from './findings.ts';

export interface Target {
  readonly from: 'settings' | 'deployment';
  readonly hostname: string;
  readonly pools: readonly TargetPool[];
  readonly secrets: readonly SecretUse[];
  readonly network: TargetNetwork;
  /** Reserved concurrency of the launcher's function; absent: none, or unknown. */
  readonly reservedConcurrency?: number;
}

export interface TargetPool {
  readonly name: string;
  readonly id?: string;
  readonly organization: string;
  readonly apiTokenSecret: string;
  readonly maxAgents: number;
  readonly lanes: readonly TargetLane[];
}

export interface TargetLane {
  readonly phases: readonly Phase[];
  readonly capacity: Capacity;
  /** What its tasks are; a failure if the task definition could not be read. */
  readonly task: Observed<TargetTask>;
}

export interface TargetTask {
  /** CPU units: 1024 are one vCPU. */
  readonly cpu: number;
  readonly architecture: 'x86_64' | 'arm64';
  readonly image: TargetImage;
}

export interface TargetImage {
  /** Reference of the image that tasks pull; absent: the deployment builds it. */
  readonly reference?: string;
  /** Reference of the registry image, if the deployment copies it into ECR. */
  readonly copyOf?: string;
  /** Version of the agent; absent: the reference doesn't show it. */
  readonly agentVersion?: string;
}

export type SecretKind =
  | 'api-token'
  | 'agent-token'
  | 'rotation-api-token'
  | 'hmac-key'
  | 'registry-login'
  | 'pull-login'
  | 'proxy-login'
  | 'ca-certificates';

export interface SecretUse {
  /** Name or ARN. */
  readonly id: string;
  readonly kind: SecretKind;
  /** What the secret is for, in the form "the API token". */
  readonly purpose: string;
}

export type TargetNetwork =
  /** The stack creates it. */
  | { readonly kind: 'own'; readonly egress: string; readonly launcherInVpc?: boolean }
  | { readonly kind: 'existing'; readonly needs: VpcNeeds; readonly securityGroupIds: readonly string[] }
  /** The subnets of a deployed stack. */
  | {
      readonly kind: 'deployed';
      readonly subnetIds: readonly string[];
      readonly securityGroupIds: readonly string[];
      readonly publicAddresses: boolean;
      /** Source addresses of the agents; empty: unknown, or they change. */
      readonly egressAddresses: readonly string[];
      /** Whether the launcher's function is in the VPC, too. */
      readonly launcherInVpc?: boolean;
      /** What they need from the VPC; absent: the stack created it, or doesn't say who did. */
      readonly needs?: DeployedVpcNeeds;
    };

/** What the settings need. */
export function targetOfSettings(settings: Settings): Target {
  return {
    from: 'settings',
    hostname: settings.hostname,
    pools: settings.pools.map((pool) => ({
      name: pool.name,
      ...(pool.id !== undefined && { id: pool.id }),
      organization: pool.organization ?? settings.organization,
      apiTokenSecret: pool.apiTokenSecret ?? settings.apiTokenSecret,
      maxAgents: pool.maxAgents,
      lanes: lanesOf(pool, settings.agentImage),
    })),
    secrets: secretsOf(settings),
    network: networkOf(settings),
    ...(settings.reservedConcurrency !== undefined && { reservedConcurrency: settings.reservedConcurrency }),
  };
}

type PoolSettings = Settings['pools'][number];

function lanesOf(pool: PoolSettings, agentImage: Settings['agentImage']): TargetLane[] {
  const image = imageOf(pool.image ?? agentImage.registry, agentImage);
  const lane = (phases: readonly Phase[], capacity: Capacity, cpu: number | undefined): TargetLane => ({
    phases,
    capacity,
    task: { value: { cpu: cpu ?? pool.cpu ?? DEFAULT_CPU, architecture: pool.architecture, image } },
  });
  const { phases } = pool;
  if (phases === undefined) return [lane(PHASES, 'on-demand', undefined)];
  return PHASES.map((phase) => lane([phase], phases[phase]?.capacity ?? 'on-demand', phases[phase]?.cpu));
}

function imageOf(registry: string | undefined, agentImage: Settings['agentImage']): TargetImage {
  if (registry === undefined) return { agentVersion: builtVersion(agentImage) };
  const agentVersion = versionOfImage(registry);
  return {
    ...(isCopied(registry, agentImage.copy) ? { copyOf: registry } : { reference: registry }),
    ...(agentVersion !== undefined && { agentVersion }),
  };
}

function secretsOf(settings: Settings): SecretUse[] {
  const { apiTokenSecret, pools, nudge, agentTokenRotation, agentImage, launcher, caCertificates } = settings;
  const ofPools = pools.flatMap((pool): SecretUse[] => [
    ...(pool.apiTokenSecret === undefined ? [] : [apiToken(pool.apiTokenSecret)]),
    agentToken(pool.agentTokenSecret, pool.name),
  ]);
  return unique([
    apiToken(apiTokenSecret),
    ...ofPools,
    ...(nudge === undefined
      ? []
      : [{ id: nudge.hmacKeySecret, kind: 'hmac-key', purpose: 'the HMAC key of the nudges' } as const]),
    ...(agentTokenRotation === undefined
      ? []
      : [
          {
            id: agentTokenRotation.apiTokenSecret,
            kind: 'rotation-api-token',
            purpose: 'the API token of the rotation',
          } as const,
        ]),
    ...(agentImage.credentialsSecret === undefined
      ? []
      : [
          {
            id: agentImage.credentialsSecret,
            kind: isCopied(agentImage.registry ?? '', agentImage.copy) ? 'registry-login' : 'pull-login',
            purpose: 'the login for the registry',
          } as const,
        ]),
    ...proxyLogin(launcher.httpsProxyCredentialsSecret),
    ...certificates(caCertificates?.secret),
  ]);
}

const apiToken = (id: string): SecretUse => ({ id, kind: 'api-token', purpose: 'the API token' });
const agentToken = (id: string, pool: string): SecretUse => ({
  id,
  kind: 'agent-token',
  purpose: `the agent token of pool ${pool}`,
});

const proxyLogin = (id: string | undefined): SecretUse[] =>
  id === undefined ? [] : [{ id, kind: 'proxy-login', purpose: 'the login for the proxy' }];
const certificates = (id: string | undefined): SecretUse[] =>
  id === undefined ? [] : [{ id, kind: 'ca-certificates', purpose: 'the certificates that the functions trust' }];

/** One entry per secret and kind. A secret that several pools share names all of them. */
function unique(uses: readonly SecretUse[]): SecretUse[] {
  const groups = Map.groupBy(uses, ({ id, kind }) => `${kind} ${id}`);
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const purposes = [...new Set([first, ...others].map(({ purpose }) => purpose))];
    return [{ ...first, purpose: purposes.join(' and ') }];
  });
}

function networkOf(settings: Settings): TargetNetwork {
  const { network } = settings;
  const needs = existingVpcNeeds(settings);
  if (needs === undefined || network.egress !== 'existing-vpc') {
    return { kind: 'own', egress: network.egress, ...(settings.launcher.vpc && { launcherInVpc: true }) };
  }
  return { kind: 'existing', needs, securityGroupIds: network.securityGroupIds ?? [] };
}

/** The parts of a task definition that `doctor` reads. */
export interface DeployedTask extends TargetTask, DeployedVpcTask {
  readonly image: TargetImage;
  /** Name or ARN of the secret with the agent token; absent: the task definition has none. */
  readonly agentTokenSecret?: string;
}

export interface DeployedParts {
  readonly hostname: string;
  readonly organization: string;
  readonly apiTokenSecret: string;
  /** With its key if it has one; absent: the proxy asks for no login, or there is no proxy. */
  readonly proxyLoginSecret?: string | undefined;
  /** Absent: the functions trust only public certificates, or those of a file. */
  readonly caCertificatesSecret?: string | undefined;
  readonly pools: readonly AgentPoolEnvironment[];
  /** By family. */
  readonly tasks: ReadonlyMap<string, Observed<DeployedTask>>;
  readonly network: TargetNetwork;
}

/** What a deployed stack needs. */
export function targetOfDeployment(parts: DeployedParts): Target {
  const unread: Observed<DeployedTask> = { failure: { reason: 'the task definition was not read', kind: 'failed' } };
  const taskOf = ({ taskDefinition }: LaneEnvironment) => parts.tasks.get(taskDefinition) ?? unread;
  const agentTokens = parts.pools.flatMap(({ name, lanes }) =>
    lanes.flatMap((lane) => {
      const task = taskOf(lane);
      const id = 'value' in task ? task.value.agentTokenSecret : undefined;
      return id === undefined ? [] : [agentToken(id, name)];
    }),
  );
  return {
    from: 'deployment',
    hostname: parts.hostname,
    pools: parts.pools.map((pool) => ({
      name: pool.name,
      ...(pool.id !== undefined && { id: pool.id }),
      organization: pool.organization ?? parts.organization,
      apiTokenSecret: pool.apiTokenSecret ?? parts.apiTokenSecret,
      maxAgents: pool.maxAgents,
      lanes: pool.lanes.map((lane) => ({
        phases: lane.phases ?? PHASES,
        capacity: lane.capacity ?? 'on-demand',
        task: taskOf(lane),
      })),
    })),
    secrets: unique([
      ...[parts.apiTokenSecret, ...parts.pools.flatMap(({ apiTokenSecret = [] }) => apiTokenSecret)]
        .filter((id) => id !== '')
        .map(apiToken),
      ...agentTokens,
      ...proxyLogin(parts.proxyLoginSecret),
      ...certificates(parts.caCertificatesSecret),
    ]),
    network: parts.network,
  };
}

/** Maximum number of agents of all pools at the same time. */
export function mostAgents(pools: readonly Pick<TargetPool, 'maxAgents'>[]): number {
  return pools.reduce((sum, { maxAgents }) => sum + maxAgents, 0);
}
