/** Tests the HCP Terraform emulator with random requests. It can refuse any of them, but must not respond with 500, hang or crash. */
import { request } from 'node:https';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../../test/local/hcp-terraform/client.ts';
import { anyRequest, type Sent, sentOf } from './requests.ts';

const REQUESTS = 2_000;

let platform: Platform;
const failures: string[] = [];
beforeAll(async () => {
  platform = await startPlatform();
  await furnish();
}, 60_000);
afterAll(() => platform.close());

/** Creates something of every kind, so that IDs from the world lead somewhere. */
async function furnish(): Promise<void> {
  const { server } = platform;
  for (const name of ['one', 'two', 'three']) {
    const workspaceId = await platform.workspace(name);
    await platform.createRun(workspaceId, { 'auto-apply': name === 'two' });
    await platform.createRun(workspaceId, { 'plan-only': true });
    const variable = { key: 'k', value: 'v', category: 'terraform' };
    await platform.api('POST', `/workspaces/${workspaceId}/vars`, { data: { attributes: variable } });
    const version = { data: { type: 'configuration-versions', attributes: {} } };
    await platform.api('POST', `/workspaces/${workspaceId}/configuration-versions`, version);
  }
  server.enqueueInternalJob({ poolId: server.agentPool.id, type: 'assessment', durationMs: 10 });
  await addAgent();
}

/** Registers an agent, which gets a job if there is one. */
async function addAgent(): Promise<void> {
  const agent = await platform.register({ single: false });
  await agent.poll();
}

function answerTo({ method, path, headers: given, body }: Sent): Promise<number> {
  // Without a length, Node sends the body of some methods as if it were the next request.
  const hasBody = method !== 'GET' && method !== 'HEAD' && body.length > 0;
  const headers = hasBody ? { ...given, 'content-length': String(body.length) } : given;
  return new Promise((resolve, reject) => {
    const sent = request(
      `${platform.server.url}${path}`,
      { method, headers, ca: platform.server.certPem },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    sent.setTimeout(10_000, () => sent.destroy(new Error('no answer within 10 s')));
    sent.on('error', reject);
    sent.end(hasBody ? body : undefined);
  });
}

it('the HCP Terraform emulator never responds with 500, whatever a client sends', { timeout: 300_000 }, async () => {
  let count = 0;
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(anyRequest, async (wanted) => {
      count += 1;
      // Restores what requests deleted, so that later requests don't meet an empty world.
      if (count % 300 === 0) {
        platform.server.reset();
        await furnish();
      } else if (count % 25 === 0) await addAgent().catch(() => undefined);
      const sent = sentOf(platform.server, wanted);
      const status = await answerTo(sent);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status >= 500) failures.push(`${status} ${sent.method} ${sent.path} ${sent.body.toString().slice(0, 400)}`);
      expect(failures).toEqual([]);
    }),
    { numRuns: REQUESTS, endOnFailure: true },
  );
  // Check that enough requests got past the first check.
  for (const status of [200, 201, 204, 400, 404, 409, 415, 422]) {
    expect(statuses.get(status) ?? 0, `answers with ${status}`).toBeGreaterThan(0);
  }
});
