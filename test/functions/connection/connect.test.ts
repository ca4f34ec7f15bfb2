import { X509Certificate } from 'node:crypto';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { connect } from '../../../functions/connection/connect.ts';
import { untrustedReason } from '../../../functions/connection/untrusted.ts';
import { type EcsServer, startEcs } from '../../../local/ecs/server.ts';
import { newKeyPair } from '../../../local/hcp-terraform/certificate.ts';
import { type ConnectProxy, startConnectProxy } from '../../connect-proxy.ts';

const DIRECT = {
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
};
const CLOCK = { now: () => 0, timeout: () => new AbortController().signal };
const before = getCACertificates('default');
/** A certificate can be in the list twice, with different line ends. */
const fingerprints = (pems: readonly string[]) => new Set(pems.map((pem) => new X509Certificate(pem).fingerprint256));
const trusted = () => fingerprints(getCACertificates('default'));

let aws: EcsServer;
let proxy: ConnectProxy;
beforeAll(async () => {
  aws = await startEcs();
  vi.stubEnv('AWS_ENDPOINT_URL', aws.url);
  vi.stubEnv('AWS_ACCESS_KEY_ID', aws.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', aws.credentials.secretAccessKey);
  proxy = await startConnectProxy(() => 1);
});
afterEach(() => setDefaultCACertificates(before));
afterAll(async () => {
  vi.unstubAllEnvs();
  await proxy.close();
  await aws.close();
});

it('without settings, the function connects directly', async () => {
  expect(await connect({}, DIRECT, CLOCK)).toEqual({ proxy: undefined, awsClient: DIRECT, secretsClient: DIRECT });
  expect(trusted()).toEqual(fingerprints(before));
});

it('the function trusts the certificates of the secret in addition', async () => {
  const { cert } = await newKeyPair(1, ['tfe.acme.example']);
  aws.putSecret('acme/certificates', `an explanation\n${cert}`);
  await connect({ caCertificatesSecret: 'acme/certificates' }, DIRECT, CLOCK);
  expect(trusted()).toEqual(fingerprints([...before, cert]));
});

it.each([
  ['no certificate', 'x', /secret acme\/certificates contains no certificate;/],
  [
    'a broken certificate',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    /secret acme\/certificates contains a certificate that cannot be read;/,
  ],
])('a secret with %s is an error, and nothing else becomes trusted', async (_, text, message) => {
  aws.putSecret('acme/certificates', text);
  await expect(connect({ caCertificatesSecret: 'acme/certificates' }, DIRECT, CLOCK)).rejects.toThrow(message);
  expect(trusted()).toEqual(fingerprints(before));
});

it('the clients of AWS use the proxy, and Secrets Manager only if the proxy needs no login', async () => {
  const config = { url: proxy.url, noProxy: [], credentialsSecret: undefined };
  const open = await connect({ proxy: config }, DIRECT, CLOCK);
  expect(open.awsClient.requestHandler.httpsAgent).toBeDefined();
  expect(open.secretsClient).toBe(open.awsClient);
  const withLogin = await connect({ proxy: { ...config, credentialsSecret: 'acme/proxy' } }, DIRECT, CLOCK);
  expect(withLogin.awsClient.requestHandler.httpsAgent).toBeDefined();
  expect(withLogin.secretsClient).toBe(DIRECT);
});

it('the login of the proxy is read from its secret when a connection needs it', async () => {
  aws.putSecret('acme/proxy', 'launcher:pass word');
  proxy.login = 'launcher:pass word';
  proxy.refusal = '403 Forbidden';
  const config = { url: proxy.url, noProxy: [], credentialsSecret: 'acme/proxy' };
  const connections = await connect({ proxy: config }, DIRECT, CLOCK);
  const refused = connections.proxy?.connect({ host: 'tfe.acme.example', port: 443, timeoutMs: 1_000 });
  // The proxy accepts the login, and refuses the destination.
  await expect(refused).rejects.toThrow(/refuses connections to tfe\.acme\.example:443/);
});

describe('the login of the proxy under a key of a JSON secret', () => {
  const refusedWith = async (secret: string, credentialsJsonKey?: string) => {
    aws.putSecret('acme/logins', secret);
    proxy.login = 'launcher:pass word';
    proxy.refusal = '403 Forbidden';
    const config = { url: proxy.url, noProxy: [], credentialsSecret: 'acme/logins', credentialsJsonKey };
    const connections = await connect({ proxy: config }, DIRECT, CLOCK);
    return connections.proxy?.connect({ host: 'tfe.acme.example', port: 443, timeoutMs: 1_000 });
  };

  it('is sent to the proxy', async () => {
    const refused = refusedWith('{"proxy":"launcher:pass word\\n","other":"x:y"}', 'proxy');
    // The proxy accepts the login, and refuses the destination.
    await expect(refused).rejects.toThrow(/refuses connections to tfe\.acme\.example:443/);
  });

  it('that the proxy rejects is an error with the key, and without advice that would delete the other keys', async () => {
    await expect(refusedWith('{"proxy":"launcher:wrong"}', 'proxy')).rejects.toThrow(
      /rejected the login under the key proxy of secret acme\/logins \(407\); store the valid user:password under this key, and keep the other keys/,
    );
  });

  it.each([
    ['another key', '{"other":"launcher:pass word"}'],
    ['an object', '{"proxy":{"user":"launcher"}}'],
    ['JSON in a string', '{"proxy":"{\\"user\\":\\"launcher\\"}"}'],
    ['no colon', '{"proxy":"launcher"}'],
    ['no JSON', 'launcher:pass word'],
  ])('is an error that does not show the value if the secret has %s', async (_, secret) => {
    const refused = refusedWith(secret, 'proxy');
    await expect(refused).rejects.toThrow(
      /secret acme\/logins has no login for the proxy under the key proxy; .* correct the key in launcher\.httpsProxyCredentialsSecret/,
    );
    await expect(refused).rejects.not.toThrow(/pass word|"user"/);
  });

  it('is not the whole JSON object if the setting has no key', async () => {
    await expect(refusedWith('{"proxy":"launcher:pass word"}')).rejects.toThrow(
      /secret acme\/logins contains no login for the proxy; store user:password in it, without JSON/,
    );
  });
});

it('a certificate for another hostname has its own remedy', () => {
  expect(untrustedReason('ERR_TLS_CERT_ALTNAME_INVALID')).toContain('for another hostname');
  expect(untrustedReason('SELF_SIGNED_CERT_IN_CHAIN')).toContain('set caCertificates');
});
