import { ECSClient, ListTasksCommand, type RunTaskCommandInput } from '@aws-sdk/client-ecs';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type EcsOptions, type EcsServer, startEcs } from '../../../local/ecs/server.ts';

/** Phases without waiting times. */
export const AT_ONCE = { provisionMs: 0, pullMs: 0, bootMs: 0, deprovisionMs: 0 };

export const TASK_SIZE = {
  requiresCompatibilities: ['FARGATE' as const],
  networkMode: 'awsvpc' as const,
  cpu: '256',
  memory: '512',
};

/** Settings of the SDK's clients for a server. */
export const clientSettings = (server: Pick<EcsServer, 'url' | 'region' | 'credentials'>, maxAttempts = 1) => ({
  endpoint: server.url,
  region: server.region,
  credentials: server.credentials,
  maxAttempts,
});

/** A server with a cluster `agents`, and clients that don't retry by default. */
export async function startLocalEcs(options: EcsOptions = {}, maxAttempts = 1) {
  const server = await startEcs({ phases: AT_ONCE, closeGraceMs: 500, ...options });
  server.createCluster({ clusterName: 'agents', capacityProviders: ['FARGATE', 'FARGATE_SPOT'] });
  const settings = clientSettings(server, maxAttempts);
  const ecs = new ECSClient(settings);
  const secrets = new SecretsManagerClient(settings);
  const close = async (): Promise<void> => {
    ecs.destroy();
    secrets.destroy();
    await server.close();
  };
  return { server, ecs, secrets, close };
}

/** A request with any target and body, signed by AWS's own signer. */
export async function signedRequest(
  server: Pick<EcsServer, 'url' | 'region' | 'credentials'>,
  target: string,
  body: string,
): Promise<{ readonly method: string; readonly headers: Record<string, string>; readonly body: string }> {
  const { promise, resolve } = Promise.withResolvers<Record<string, string>>();
  const client = new ECSClient({
    ...clientSettings(server),
    requestHandler: {
      handle: (request: { readonly headers: Record<string, string> }) => {
        resolve(request.headers);
        throw new Error('Nothing is sent by the SDK here.');
      },
    },
  });
  client.middlewareStack.add(
    (next) => (args) => {
      Object.assign(args.request as object, { body });
      Object.assign((args.request as { headers: object }).headers, {
        'x-amz-target': target,
        'content-length': String(Buffer.byteLength(body)),
      });
      return next(args);
    },
    { step: 'build', priority: 'low' },
  );
  await client.send(new ListTasksCommand({})).catch(() => undefined);
  const { host: _, 'content-length': __, ...headers } = await promise;
  return { method: 'POST', headers, body };
}

/** Input of RunTask for a family in the cluster `agents`. */
export function runInput(
  server: EcsServer,
  family: string,
  more: Partial<RunTaskCommandInput> = {},
): RunTaskCommandInput {
  return {
    cluster: 'agents',
    taskDefinition: family,
    launchType: 'FARGATE',
    networkConfiguration: {
      awsvpcConfiguration: { subnets: server.subnets.map(({ id }) => id), securityGroups: [...server.securityGroups] },
    },
    ...more,
  };
}

/** Registers a family with a single container that runs this shell script. */
export function registerScript(server: EcsServer, family: string, script: string, container: object = {}): void {
  server.registerTaskDefinition({
    family,
    ...TASK_SIZE,
    containerDefinitions: [{ name: 'main', image: 'busybox', command: ['/bin/sh', '-c', script], ...container }],
  });
}
