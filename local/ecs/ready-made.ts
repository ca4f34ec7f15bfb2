import type { Refusal } from './core/capacity.ts';
import type { EcsServer } from './server.ts';

/** The JSON in the ready line. */
export interface ReadyMade {
  readonly url: string;
  readonly region: string;
  /** Variables for any AWS SDK or CLI to use this server. The keys are new for each start. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cluster: string;
  readonly secondCluster: string;
  /** Family whose container runs until SIGTERM. */
  readonly taskDefinition: string;
  /** Family whose container exits with code 0. */
  readonly exitTaskDefinition: string;
  /** Family whose launch always fails in `failures[]`. */
  readonly noCapacityTaskDefinition: string;
  /** Name of the only container in each family. */
  readonly container: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
}

const families = { runs: 'runs-until-stopped', exits: 'exits-at-once', refused: 'no-capacity' };
const container = 'main';

/** Creates clusters and task definitions, so that `npm run local:ecs` can run tasks immediately. */
export function provide(
  server: EcsServer,
  wanted: { readonly cluster: string; readonly secondCluster: string; readonly refusals: readonly Refusal[] },
): ReadyMade {
  for (const clusterName of [wanted.cluster, wanted.secondCluster]) {
    server.createCluster({
      clusterName,
      capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
      // With this strategy, a RunTask without a launch type uses Fargate.
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
