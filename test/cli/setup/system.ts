/** HCP Terraform and AWS on loopback, and the command line in this process, for tests of `setup` and `rotate`. */
import dns from 'node:dns';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import tls from 'node:tls';
import { DescribeSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { vi } from 'vitest';
import type { Io } from '../../../cli/io.ts';
import { runCommandLine } from '../../../cli/program.ts';
import { ENV } from '../../../functions/launcher/contract.ts';
import { startEcs } from '../../../local/ecs/server.ts';
import { startHcpTerraform } from '../../../local/hcp-terraform/server.ts';
import { deploy } from '../../../local/start/deployment.ts';
import { clientSettings } from '../../local/ecs/local-ecs.ts';
import { newFolder } from '../../temporary-folder.ts';

/** The settings need a hostname with a domain. Only this process resolves it, to loopback. */
const HOST = 'hcp.example.com';
export const ACCOUNT = '123456789012';
export const REGION = 'eu-central-1';

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Everything that the command wrote. */
  readonly output: string;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly interrupted?: AbortSignal;
  readonly io?: Partial<Io>;
}

export async function startSystem(hcpOptions: Parameters<typeof startHcpTerraform>[0] = {}) {
  const hcp = await startHcpTerraform({ hosts: [HOST], rateLimits: 'off', agentPoolName: 'existing', ...hcpOptions });
  const aws = await startEcs({ region: REGION, accountId: ACCOUNT, closeGraceMs: 500 });
  const hostname = `${HOST}:${hcp.port}`;
  const lookup = dns.lookup;
  vi.spyOn(dns, 'lookup').mockImplementation(((name: string, ...more: [never, never]) =>
    lookup(name === HOST ? 'localhost' : name, ...more)) as never);
  const trusted = tls.getCACertificates('default');
  tls.setDefaultCACertificates([...trusted, hcp.certPem]);
  vi.stubEnv('HOME', newFolder('home'));
  vi.stubEnv('AWS_ENDPOINT_URL', aws.url);
  vi.stubEnv('AWS_REGION', REGION);
  vi.stubEnv('AWS_ACCESS_KEY_ID', aws.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', aws.credentials.secretAccessKey);
  vi.stubEnv('AWS_SESSION_TOKEN', '');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  const secrets = new SecretsManagerClient(clientSettings(aws));

  return {
    hcp,
    aws,
    hostname,
    secrets,
    /** Deploys the stack AgentLauncher, which serves pools of the organization. */
    deployStack(...names: readonly string[]): void {
      const pool = (name: string) => ({ name, maxAgents: 1, lanes: [{ taskDefinition: name }] });
      const environment = {
        [ENV.hostname]: hostname,
        [ENV.organization]: hcp.organization,
        [ENV.apiTokenSecret]: 'agent-launcher/api-token',
        [ENV.agentPools]: JSON.stringify(names.map(pool)),
      };
      const wakeUpsArn = `arn:aws:sqs:${REGION}:${ACCOUNT}:wake-ups`;
      deploy(aws, { pools: names, environment, port: hcp.port, wakeUpsArn });
    },
    deleteStack(): void {
      aws.aws.cloudFormation.delete('AgentLauncher');
    },
    /** A folder with a copy of the project's `cdk.json`. */
    folder(): string {
      const folder = newFolder('clone');
      copyFileSync('cdk.json', join(folder, 'cdk.json'));
      return folder;
    },
    /** Runs a command line in a folder. The token of the owner is in TFE_TOKEN. */
    async run(cwd: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
      const stdout = new PassThrough();
      const stderr = new PassThrough();
      const texts = { stdout: '', stderr: '' };
      stdout.on('data', (chunk) => {
        texts.stdout += String(chunk);
      });
      stderr.on('data', (chunk) => {
        texts.stderr += String(chunk);
      });
      const code = await runCommandLine(args, {
        stdin: Readable.from(options.stdin === undefined ? [] : [options.stdin]),
        stdout,
        stderr,
        env: { TFE_TOKEN: hcp.apiToken, PATH: '/nowhere', ...options.env },
        cwd,
        now: Date.now,
        sleep: () => Promise.resolve(),
        interrupted: options.interrupted ?? new AbortController().signal,
        ...options.io,
      });
      return { code, ...texts, output: texts.stdout + texts.stderr };
    },
    /** The value of a secret; `undefined` if it doesn't exist. */
    async secret(name: string): Promise<string | undefined> {
      try {
        return (await secrets.send(new GetSecretValueCommand({ SecretId: name }))).SecretString;
      } catch {
        return undefined;
      }
    },
    async versions(name: string): Promise<Record<string, string[]>> {
      return (await secrets.send(new DescribeSecretCommand({ SecretId: name }))).VersionIdsToStages ?? {};
    },
    /** The requests that may have changed something, in both systems. */
    changes(): string[] {
      const reads = /^(?:Get|Describe|List)/;
      return [
        ...hcp
          .calls()
          .filter(({ method }) => method !== 'GET')
          .map(({ method, path }) => `${method} ${path}`),
        ...aws
          .calls()
          .filter(({ action }) => !reads.test(action))
          .map(({ action }) => action),
      ];
    },
    /** Every token that exists, in both systems. None may be in the output. */
    async tokens(): Promise<string[]> {
      const stored = await Promise.all(
        ['agent-launcher/api-token', 'agent-launcher/aws/agent-token'].map((name) => this.secret(name)),
      );
      return [
        ...[...hcp.world.agentTokens.values()].map(({ secret }) => secret),
        ...[...hcp.world.users.values()].map(({ apiToken }) => apiToken),
        ...stored.filter((value) => value !== undefined),
      ];
    },
    async close(): Promise<void> {
      vi.unstubAllEnvs();
      vi.restoreAllMocks();
      tls.setDefaultCACertificates(trusted);
      secrets.destroy();
      await Promise.all([hcp.close(), aws.close()]);
    },
  };
}

export type System = Awaited<ReturnType<typeof startSystem>>;

export const settingsIn = (folder: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(folder, 'cdk.json'), 'utf8')).context.agentLauncher;
