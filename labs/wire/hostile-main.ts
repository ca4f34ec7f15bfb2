/**
 * Runs one tick in a separate process. Its pools get hostile responses, except for one with valid responses. The process sends the
 * result and its memory usage to the parent. `HOST` is the server, and NODE_EXTRA_CA_CERTS has its certificate authority.
 */
import '@aws-sdk/client-ecs';
import '@aws-sdk/client-secrets-manager';
import { HcpTerraformClient } from '../../functions/launcher/adapters/hcp-terraform/client.ts';
import { HcpTerraformHttp } from '../../functions/launcher/adapters/hcp-terraform/http.ts';
import { connections, sendOver } from '../../functions/launcher/adapters/hcp-terraform/send.ts';
import { tick } from '../../functions/launcher/tick.ts';
import { LIMITS } from '../../test/functions/launcher/core/builders.ts';
import { endless, FakeTasks, pool } from '../../test/functions/launcher/fakes.ts';

const hostname = process.env['HOST'] ?? '';
const names = (process.env['POOLS'] ?? '').split(',');
const secrets = { value: async () => 'token', renew: async () => 'token' };
const http = new HcpTerraformHttp({
  hostname,
  secrets,
  send: sendOver(connections(), hostname, 'hostile', (ms) => AbortSignal.timeout(ms)),
});
const clock = { now: Date.now, timeout: (ms: number) => AbortSignal.timeout(ms) };
const hcpTerraform = new HcpTerraformClient({ http, hostname: 'app.terraform.io', ...clock });
const tasks = new FakeTasks();
// Separate tokens, so that the pools don't share a poll budget. Another test covers that.
const pools = names.map((name) => pool(name, { id: `apool-${name}`, apiTokenSecret: `token-of-${name}` }));
const ticked = await tick(
  pools,
  { limits: LIMITS, agentsCeiling: undefined },
  { hcpTerraform, tasks, now: clock.now },
  endless(AbortSignal.timeout(30_000)),
);
process.send?.({
  launched: tasks.launches.map(({ pool: of, job }) => `${of.name} ${job.key}`),
  errors: ticked.pools.flatMap(({ pool: of, errors }) =>
    errors.map(({ fault, message }) => ({ pool: of.name, fault, message })),
  ),
  durationMs: ticked.endedAtMs - ticked.startedAtMs,
  residentMiB: Math.round(process.resourceUsage().maxRSS / 1024),
});
process.disconnect?.();
