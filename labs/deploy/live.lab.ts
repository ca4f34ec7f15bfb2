/**
 * The live proof with a real deployment into an emulated account. Nothing invokes the launcher there, so no run is served: the proof fails, and
 * must remove the stack, the secrets, the pool and the workspaces.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Agent } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HcpTerraformServer, startHcpTerraform } from '../../local/hcp-terraform/server.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { describeUnless } from '../../test/unless.ts';
import { cdk, writeApp } from '../live/cdk.ts';
import { runLive, type SessionDeps } from '../live/session.ts';
import { type Moto, startMoto, whyNoMoto } from './moto.ts';

/** The settings reject `localhost`. The dispatcher sends requests for this name to the local platform. */
const HOST = 'hcp-terraform.example';

describeUnless(whyNoMoto(), 'the live proof in an emulated account', () => {
  const home = newFolder('live-deploy');
  const before = new Map<string, string | undefined>();
  let moto: Moto;
  let platform: HcpTerraformServer;

  beforeAll(async () => {
    [moto, platform] = await Promise.all([startMoto(), startHcpTerraform({ organization: 'acme' })]);
    const own = {
      HOME: home,
      AWS_ENDPOINT_URL: moto.url,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'x'.repeat(40),
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    for (const [name, value] of Object.entries(own)) {
      before.set(name, process.env[name]);
      process.env[name] = value;
    }
    const pools = [{ name: 'default', agentTokenSecret: 'acme/agent-token' }];
    writeApp(join(home, 'bootstrap'), { organization: 'acme', apiTokenSecret: 'acme/api-token', pools });
    const bootstrap = ['bootstrap', 'aws://123456789012/eu-central-1'];
    await cdk(bootstrap, { folder: join(home, 'bootstrap'), env: {}, note: () => undefined });
  }, 180_000);

  afterAll(async () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await Promise.all([moto?.close(), platform?.close()]);
  });

  it('deploys, and removes everything after a failure', async () => {
    const { port, certPem: ca, apiToken } = platform;
    const notes: string[] = [];
    const toLocalhost = new Agent({ connect: { ca } }).compose(
      (dispatch) => (options, handler) => dispatch({ ...options, origin: platform.url }, handler),
    );
    const questions: string[] = [];
    const deps: SessionDeps = {
      version: '0.2.0',
      id: 'lab',
      folder: join(home, 'lab'),
      env: { TFE_TOKEN: apiToken },
      now: Date.now,
      sleep: (ms, signal) => delay(Math.min(ms, 500), undefined, signal === undefined ? {} : { signal }),
      note: (text) => notes.push(text),
      confirm: async (question) => questions.push(question) > 0,
      signal: new AbortController().signal,
      dispatcher: toLocalhost,
    };
    const place = { region: 'eu-central-1', profile: undefined };
    const options = { organization: 'acme', hostname: `${HOST}:${port}`, agentVersion: '1.33.0', ...place };
    const timing = { sleepSeconds: 1, idleSeconds: 1, patienceMs: 3_000 };
    const result = await runLive(options, deps, timing);

    expect(questions.join()).toContain('account 123456789012');
    expect(result?.evidence.deployment?.resources).toBeGreaterThan(40);
    expect(result?.evidence.failure).toContain('did not start');
    expect(result?.evidence.left).toEqual([]);
    expect(result?.evidence.removed).toEqual([
      expect.stringMatching(/^workspace /),
      expect.stringMatching(/^workspace /),
      expect.stringMatching(/^workspace /),
      'stack agent-launcher-live-lab',
      'secret agent-launcher-live-lab/agent-token',
      'secret agent-launcher-live-lab/api-token',
      expect.stringMatching(/^pool /),
    ]);
    expect(existsSync(join(deps.folder, 'created.json'))).toBe(false);

    const stack = new CloudFormationClient({}).send(
      new DescribeStacksCommand({ StackName: 'agent-launcher-live-lab' }),
    );
    await expect(stack).rejects.toThrow('does not exist');
    expect((await new SecretsManagerClient({}).send(new ListSecretsCommand({}))).SecretList).toEqual([]);
    expect([...platform.world.pools.values()].map(({ name }) => name)).not.toContain('agent-launcher-live-lab');
    expect([...platform.world.workspaces.values()]).toEqual([]);
    expect([...notes, result?.report].join('\n')).not.toContain(apiToken);
  }, 300_000);
});
