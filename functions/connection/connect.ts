/** Prepares a function's connections: it creates the proxy, and trusts the certificates of the settings. */
import type { Agent } from 'node:https';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { trustCertificates } from './ca-certificates.ts';
import type { ConnectionConfig } from './config.ts';
import { HttpsProxy, proxiedAgent } from './https-proxy.ts';
import { proxyLogin } from './proxy-login.ts';
import { secretText } from './secret-text.ts';

/** Timeout of reading a secret that a connection needs. */
const SECRET_TIMEOUT_MS = 10_000;

/** Settings of AWS's clients. */
export interface AwsClientSettings {
  readonly maxAttempts: number;
  readonly requestHandler: {
    readonly connectionTimeout: number;
    readonly requestTimeout: number;
    readonly throwOnRequestTimeout: boolean;
    readonly httpsAgent?: Agent;
  };
}

export interface Connections {
  readonly proxy: HttpsProxy | undefined;
  /** Settings of the clients of all AWS services except Secrets Manager. */
  readonly awsClient: AwsClientSettings;
  readonly secretsClient: AwsClientSettings;
}

export interface ConnectClock {
  readonly now: () => number;
  /** Returns a signal that aborts after the given time. */
  readonly timeout: (ms: number) => AbortSignal;
}

/** Call it once per process, because certificates stay trusted. Rejects with `UpstreamError` if a secret can't be read. */
export async function connect(
  config: ConnectionConfig,
  direct: AwsClientSettings,
  clock: ConnectClock,
): Promise<Connections> {
  const connections = throughProxy(config, direct, clock);
  const { caCertificatesSecret: secret } = config;
  if (secret !== undefined) {
    const client = new SecretsManagerClient(connections.secretsClient);
    trustCertificates(await secretText(client, secret, clock.timeout(SECRET_TIMEOUT_MS)), secret);
  }
  return connections;
}

function throughProxy(
  { proxy: config }: ConnectionConfig,
  direct: AwsClientSettings,
  clock: ConnectClock,
): Connections {
  if (config === undefined) return { proxy: undefined, awsClient: direct, secretsClient: direct };
  const { url, noProxy, credentialsSecret: secret, credentialsJsonKey: jsonKey } = config;
  const read = async (id: string) =>
    proxyLogin(await secretText(new SecretsManagerClient(direct), id, clock.timeout(SECRET_TIMEOUT_MS)), {
      id,
      jsonKey,
    });
  const login = secret === undefined ? undefined : { secret, jsonKey, read: () => read(secret) };
  const proxy = new HttpsProxy({ url, noProxy, login, ...clock });
  const httpsAgent = proxiedAgent(proxy, direct.requestHandler.connectionTimeout);
  const awsClient = { ...direct, requestHandler: { ...direct.requestHandler, httpsAgent } };
  // The login is in Secrets Manager, so the function must reach Secrets Manager without the login. It then uses this path for all secrets.
  return { proxy, awsClient, secretsClient: login === undefined ? awsClient : direct };
}
