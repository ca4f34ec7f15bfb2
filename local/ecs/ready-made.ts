import type { Refusal } from './core/capacity.ts';
import type { EcsServer } from './server.ts';

/** What the ready line tells. */
export interface ReadyMade {
  readonly url: string;
  readonly region: string;
  /** What any AWS SDK or CLI needs to use this server; the keys were made for this start. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cluster: string;
  readonly secondCluster: string;
  /** Family whose container runs until SIGTERM. */
  readonly taskDefinition: string;
  /** Family whose container ends by itself with exit code 0. */
  readonly exitTaskDefinition: string;
  /** Family that is always refused in `failures[]`. */
  readonly noCapacityTaskDefinition: string;
  /** Name of the one container in each of them. */
  readonly container: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
}

const families = { runs: 'runs-until-stopped', exits: 'exits-at-once', refused: 'no-capacity' };
const container = 'main';

/** Puts clusters and task definitions into a server, so that whoever starts it alone can run tasks at once. */
export function provide(
  server: EcsServer,
  wanted: { readonly cluster: string; readonly secondCluster: string; readonly refusals: readonly Refusal[] },
): ReadyMade {
  for (const clusterName of [wanted.cluster, wanted.secondCluster]) {
    server.createCluster({
      clusterName,
      capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
      // A RunTask that names no launch type then means Fargate.
      defaultCapacityProviderStrategy: [{ capacityProvider: 'FARGATE', weight: 1 }],
    });
  }
  const programs = {
    [families.runs]: 'exec sleep 2147483647',
    [families.exits]: 'exit 0',
    [families.refused]: 'exit 0',
  };
  for (const [family, program] of Object.entries(programs)) {
    server.registerTaskDefinition({
      family,
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      cpu: '256',
      memory: '512',
      containerDefinitions: [
        { name: container, image: 'busybox', essential: true, command: ['/bin/sh', '-c', program] },
      ],
    });
  }
  for (const refusal of [{ family: families.refused }, ...wanted.refusals]) server.refuse(refusal);
  return {
    url: server.url,
    region: server.region,
    environment: {
      AWS_ENDPOINT_URL: server.url,
      AWS_REGION: server.region,
      AWS_DEFAULT_REGION: server.region,
      AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    },
    cluster: wanted.cluster,
    secondCluster: wanted.secondCluster,
    taskDefinition: families.runs,
    exitTaskDefinition: families.exits,
    noCapacityTaskDefinition: families.refused,
    container,
    subnets: server.subnets.map(({ id }) => id),
    securityGroups: server.securityGroups,
  };
}
