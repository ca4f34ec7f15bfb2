/**
 * Runs in the namespace `world`: the emulator of HCP Terraform, which is also Terraform Enterprise, and the emulator of AWS behind TLS.
 * The parent sends requests over the IPC channel, one at a time: it queues a run, or counts the tasks that were started for one.
 */
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import * as z from 'zod';
import { startEcs } from '../../local/ecs/server.ts';
import { startHcpTerraform } from '../../local/hcp-terraform/server.ts';
import { archiveOf } from '../../local/start/configurations.ts';
import { HcpApi } from '../../local/start/hcp-api.ts';
import { registerScript } from '../../test/local/ecs/local-ecs.ts';
import { AWS, ENDPOINTS, HCP, TFE } from './network.ts';

const files = z.object({ certFile: z.string(), keyFile: z.string() });
const options = z
  .object({
    caFile: z.string(),
    platform: files,
    amazon: files,
    cluster: z.string(),
    families: z.array(z.string()),
    secrets: z.record(z.string(), z.string()),
    tokenSecret: z.string(),
  })
  .parse(JSON.parse(process.argv[2] ?? '{}'));
const pairOf = ({ certFile, keyFile }: z.infer<typeof files>) => ({
  cert: readFileSync(certFile, 'utf8'),
  key: readFileSync(keyFile, 'utf8'),
});

const platform = await startHcpTerraform({
  organization: 'acme',
  agentPoolName: 'default',
  rateLimits: 'off',
  hosts: [HCP.host, TFE.host, `${TFE.host}:${TFE.port}`],
  certificate: { ...pairOf(options.platform), file: options.caFile, remove: async () => {} },
});
const aws = await startEcs({
  closeGraceMs: 0,
  hosts: [AWS.ecs, AWS.secrets, ENDPOINTS.ecs, ENDPOINTS.secrets],
});
aws.createCluster({ clusterName: options.cluster });
aws.putSecret(options.tokenSecret, platform.launcherApiToken);
for (const [name, value] of Object.entries(options.secrets)) aws.putSecret(name, value);
for (const family of options.families)
  registerScript(aws, family, 'exec sleep 600', { name: 'agent', essential: true });

// The emulators listen on loopback only. These servers make them visible in the namespace's network.
const forwardTo = (port: number) => (socket: Socket) => {
  const to = connect(port, '127.0.0.1');
  socket.on('error', () => to.destroy()).pipe(to);
  to.on('error', () => socket.destroy()).pipe(socket);
};
for (const { address, port } of [HCP, TFE]) createServer(forwardTo(platform.port)).listen(port, address);
for (const { address } of [AWS, ENDPOINTS])
  createTlsServer(pairOf(options.amazon), forwardTo(aws.port))
    .on('tlsClientError', () => {})
    .listen(443, address);

const certificate = readFileSync(options.caFile, 'utf8');
const api = new HcpApi({ url: platform.url, token: platform.apiToken, certificate, organization: 'acme' });
const archive = await archiveOf('resource "terraform_data" "it" {}\n');
const request = z.union([z.object({ queue: z.string() }), z.object({ tasksOf: z.string() })]);
async function answer(message: unknown): Promise<string | number> {
  const asked = request.parse(message);
  if ('tasksOf' in asked)
    return aws.tasks(options.cluster).filter(({ startedBy }) => startedBy === `${asked.tasksOf}/plan`).length;
  const { id: workspaceId } = await api.createWorkspace({ name: asked.queue, poolId: platform.agentPool.id });
  return api.queueRun({
    workspaceId,
    archive,
    message: 'lab',
    planOnly: true,
    autoApply: false,
    isDestroy: false,
  });
}
process.on('message', async (message) => process.send?.(await answer(message)));
process.on('disconnect', () => process.exit());
process.send?.({
  region: aws.region,
  credentials: aws.credentials,
  subnets: aws.subnets.map(({ id }) => id),
  securityGroups: aws.securityGroups,
});
