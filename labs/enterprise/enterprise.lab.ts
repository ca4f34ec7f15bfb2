/**
 * The launcher in a company's network, with a real firewall and real proxies: {@link Network}. Each row starts the bundle of `cdk synth`
 * cold in the VPC and queues one job. The row ends when a task has started for the job, or when the log has the expected error. The
 * firewall's counters show which ways the launcher took, and that no packet bypassed them.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ENV } from '../../functions/launcher/contract.ts';
import { certificateFor, newAuthority } from '../../test/certificates.ts';
import { type Deployment, synthesize } from '../../test/journey/deployment.ts';
import { outputOf, until } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { AWS, ENDPOINTS, HCP, Network, PROXY, TFE, whyNoNetwork } from './network.ts';
import { LOGINS, PORTS, startProxies } from './proxies.ts';
import { proxy, ROWS, type Row, SECRETS } from './rows.ts';

const missing = whyNoNetwork();
if (missing !== undefined) {
  if (process.env['REQUIRE_NAMESPACES'] === '1') throw new Error(`The enterprise lab ${missing}.`);
  console.error(`enterprise lab: skipped: ${missing}`);
}

/** Most rows take less than 3 s. */
const ROW_MS = 30_000;
const TOKEN_SECRET = 'acme/api-token';
const PROXY_SECRETS = {
  [SECRETS.squid]: LOGINS.squid,
  [SECRETS.tinyproxy]: LOGINS.tinyproxy,
  [SECRETS.wrong]: LOGINS.wrong,
};

const started = z.object({
  region: z.string(),
  credentials: z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }),
  subnets: z.array(z.string()),
  securityGroups: z.array(z.string()),
});

describe.skipIf(missing !== undefined)('the launcher in a company’s network', () => {
  let network: Network;
  let deployment: Deployment;
  let servers: ChildProcess;
  let serversEnded: Promise<never>;
  let account: z.infer<typeof started>;
  let publicCaFile: string;

  beforeAll(async () => {
    const folder = newFolder('enterprise-lab');
    for (const readable of [dirname(folder), folder]) chmodSync(readable, 0o755);
    const inFolder = (name: string, text: string): string => {
      const file = join(folder, name);
      writeFileSync(file, text);
      return file;
    };
    const [corporate, publicly] = [await newAuthority('Corp Root'), await newAuthority('Public Root')];
    const platform = await certificateFor(corporate, [TFE.host, HCP.host, 'localhost']);
    const amazon = await certificateFor(publicly, [AWS.ecs, AWS.secrets, ENDPOINTS.ecs, ENDPOINTS.secrets]);
    publicCaFile = inFolder('public.pem', publicly.cert);
    const caFile = inFolder('ca.pem', `${corporate.cert}\n${publicly.cert}`);
    deployment = await synthesize(
      {
        hostname: HCP.host,
        organization: 'acme',
        apiTokenSecret: TOKEN_SECRET,
        pools: [{ name: 'default', agentTokenSecret: 'acme/agent-token', maxAgents: 50 }],
        caCertificates: { file: caFile },
      },
      () => 'set-later',
    );
    network = new Network();
    startProxies(network, folder);
    const options = {
      caFile,
      platform: { certFile: inFolder('tfe.pem', platform.cert), keyFile: inFolder('tfe.key', platform.key) },
      amazon: { certFile: inFolder('aws.pem', amazon.cert), keyFile: inFolder('aws.key', amazon.key) },
      cluster: deployment.functionEnvironment[ENV.cluster],
      families: deployment.taskDefinitions.map(({ family }) => family),
      tokenSecret: TOKEN_SECRET,
      secrets: PROXY_SECRETS,
    };
    servers = network.start('world', [process.execPath, 'labs/enterprise/servers-main.ts', JSON.stringify(options)]);
    const output = outputOf(servers);
    serversEnded = once(servers, 'exit').then(() => Promise.reject(new Error(`The servers ended. ${output()}`)));
    serversEnded.catch(() => {});
    account = started.parse(await answerOfServers());
    for (const port of [PORTS.squid, PORTS.squidLogin, PORTS.tinyproxy, PORTS.tinyproxyLogin])
      await until(`a proxy on port ${port}`, () => network.reaches('vpc', PROXY.address, port));
  }, 300_000);

  afterAll(async () => {
    network?.remove();
    await deployment?.remove();
  });

  async function ask(message: object): Promise<unknown> {
    const answer = answerOfServers();
    servers.send(message);
    return answer;
  }

  const answerOfServers = async (): Promise<unknown> =>
    (await Promise.race([once(servers, 'message'), serversEnded]))[0];

  /** Starts the function in the VPC, and runs it until a task has started for a new job, or the log has the error. */
  async function launch(set: Row['set'], error?: RegExp) {
    const before = network.counts();
    const runId = await ask({ queue: `job-${Date.now()}` });
    const environment = {
      ...deployment.functionEnvironment,
      [ENV.subnets]: account.subnets.join(','),
      [ENV.securityGroups]: account.securityGroups.join(','),
      [ENV.activePollSeconds]: '0',
      AWS_LAMBDA_FUNCTION_NAME: 'lab',
      AWS_REGION: account.region,
      AWS_ACCESS_KEY_ID: account.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: account.credentials.secretAccessKey,
      AWS_ENDPOINT_URL: `https://${AWS.ecs}`,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: `https://${AWS.secrets}`,
      PATH: process.env['PATH'],
      ...set,
      ...(set['NODE_EXTRA_CA_CERTS'] === 'PUBLIC' && { NODE_EXTRA_CA_CERTS: publicCaFile }),
    };
    // The certificates are at /var/task, as in Lambda. `ip netns exec` has its own mounts, so the machine's /var doesn't change.
    const host = `exec ${process.execPath} local/lambda/host.ts /var/task/index.mjs 3000 20000`;
    const script = `mount -t tmpfs lab /var && mkdir /var/task && mount --bind ${deployment.functionFolder} /var/task && ${host}`;
    const child = network.start('vpc', ['sh', '-c', script], environment);
    const output = outputOf(child);
    try {
      const found = () =>
        error === undefined ? ask({ tasksOf: String(runId) }).then((n) => n === 1) : error.test(output());
      await until(error === undefined ? 'a task' : `the error ${error}`, found, ROW_MS);
    } catch (cause) {
      throw new Error(`${cause instanceof Error ? cause.message : cause} The log:\n${output()}`, { cause });
    } finally {
      const ended = once(child, 'exit');
      if (child.kill('SIGKILL')) await ended;
    }
    const after = network.counts();
    const ways = (['proxy', 'tfe', 'endpoints', 'bypass'] as const).filter((way) => after[way] > before[way]);
    return { ways, output: output() };
  }

  it('the firewall and the routes admit only the VPC to Terraform Enterprise', () => {
    expect(network.reaches('vpc', TFE.address, TFE.port)).toBe(true);
    expect(network.reaches('proxy', TFE.address, TFE.port)).toBe(false);
    expect(network.reaches('vpc', HCP.address, HCP.port)).toBe(false);
    expect(network.reaches('proxy', HCP.address, HCP.port)).toBe(true);
  });

  it.each(ROWS)('the launcher $name', async ({ set, error, ways }) => {
    const { ways: taken, output } = await launch(set, error);
    expect(taken.toSorted()).toEqual(ways.toSorted());
    for (const login of Object.values(LOGINS)) {
      expect(output).not.toContain(login);
      expect(output).not.toContain(Buffer.from(login).toString('base64'));
    }
  });

  it('a launcher that ignores its proxy fails, and the firewall counts its packets', async () => {
    const { ways } = await launch({ ...proxy(PORTS.squid), [ENV.noProxy]: '*' }, /"level":"(?:ERROR|WARN)"/);
    expect(ways).toEqual(['bypass']);
  });
});
