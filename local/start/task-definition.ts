/** The task definition of a pool's agents, like that of a deployment. */
import { AGENT_CONTAINER, IDLE_SECONDS_VARIABLE, PHASES } from '../../functions/launcher/contract.ts';
import { agentLogGroup, taskFamily } from '../../lib/names.ts';
import type { RegisterTaskDefinitionInput } from '../ecs/core/task-definition-schema.ts';
import type { HcpTerraformServer } from '../hcp-terraform/server.ts';

/** Name of the image if tasks run as processes. */
export const AGENT_IMAGE = 'hashicorp/tfc-agent:1.33.0';
/** Copies of values in lib/agent/image.ts, because importing that file would load the CDK. A test compares them. */
export const AGENT_USER = 'tfc-agent';
export const WRITABLE_FOLDERS = { data: '/home/tfc-agent/.tfc-agent', tmp: '/tmp' } as const;
/** Path of the certificate in a container, where the host's path doesn't exist. */
export const CONTAINER_CA = '/etc/agent-launcher/hcp-terraform.pem';

/** Name of the local launcher, and of its stack, cluster and schedule. */
export const LAUNCHER = 'AgentLauncher';
/** Prefix of the agents' log streams, as in lib/agent/task-definition.ts. A test compares them. */
export const STREAM_PREFIX = 'agent';

/** Seconds after which an agent without a job exits. */
const IDLE_SECONDS = 10;

export interface AgentTask {
  readonly hcpTerraform: HcpTerraformServer;
  readonly region: string;
  readonly accountId: string;
  /** ARN of the secret with the agent token. */
  readonly tokenSecret: string;
  /** Image for the container engine. Absent: tasks run as processes. */
  readonly image: string | undefined;
}

export function poolOfFamily(family: string): string {
  return family.replace(taskFamily(LAUNCHER, PHASES, ''), '');
}

export function familyOfPool(pool: string): string {
  return taskFamily(LAUNCHER, PHASES, pool);
}

export function taskDefinition(pool: string, { hcpTerraform, region, accountId, tokenSecret, image }: AgentTask) {
  const folders = Object.entries(WRITABLE_FOLDERS);
  const environment = {
    TFC_ADDRESS: hcpTerraform.url,
    TFC_AGENT_AUTO_UPDATE: 'disabled',
    TFC_AGENT_LOG_LEVEL: 'info',
    [IDLE_SECONDS_VARIABLE]: String(IDLE_SECONDS),
    SSL_CERT_FILE: image === undefined ? hcpTerraform.caFile : CONTAINER_CA,
  };
  return {
    family: familyOfPool(pool),
    requiresCompatibilities: ['FARGATE'],
    networkMode: 'awsvpc',
    cpu: '1024',
    memory: '2048',
    executionRoleArn: `arn:aws:iam::${accountId}:role/agent-execution-${pool}`,
    volumes: folders.map(([name]) => ({ name })),
    containerDefinitions: [
      {
        name: AGENT_CONTAINER,
        image: image ?? AGENT_IMAGE,
        essential: true,
        user: AGENT_USER,
        readonlyRootFilesystem: true,
        linuxParameters: { capabilities: { drop: ['ALL'] }, initProcessEnabled: false },
        mountPoints: folders.map(([sourceVolume, containerPath]) => ({ sourceVolume, containerPath, readOnly: false })),
        stopTimeout: 120,
        environment: Object.entries(environment).map(([name, value]) => ({ name, value })),
        secrets: [{ name: 'TFC_AGENT_TOKEN', valueFrom: tokenSecret }],
        logConfiguration: {
          logDriver: 'awslogs',
          options: {
            'awslogs-group': agentLogGroup(LAUNCHER, pool),
            'awslogs-region': region,
            'awslogs-stream-prefix': STREAM_PREFIX,
          },
        },
      },
    ],
  } satisfies RegisterTaskDefinitionInput;
}
