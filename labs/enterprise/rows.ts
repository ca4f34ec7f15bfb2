/** The cases of the enterprise lab. docs/enterprise-network.md has a table of them. */
import { ENV } from '../../functions/launcher/contract.ts';
import { markdownTable } from '../markdown-table.ts';
import { ENDPOINTS, type Flow, HCP, PROXY, TFE } from './network.ts';
import { PORTS } from './proxies.ts';

/** Names of the secrets with the proxies' logins. */
export const SECRETS = { squid: 'acme/squid', tinyproxy: 'acme/tinyproxy', wrong: 'acme/wrong' } as const;

export interface Row {
  readonly name: string;
  readonly set: Readonly<Record<string, string | undefined>>;
  /** The error that the log must have; absent: a task must start for the job. */
  readonly error?: RegExp;
  /** The ways that the launcher must take. It must take no other. */
  readonly ways: readonly Exclude<Flow, 'bypass'>[];
}

export const proxy = (port: number, secret?: string): Row['set'] => ({
  [ENV.httpsProxy]: `http://${PROXY.host}:${port}`,
  ...(secret !== undefined && {
    [ENV.httpsProxyCredentialsSecret]: secret,
    // The login is in Secrets Manager, so the launcher reaches Secrets Manager through the interface endpoint.
    AWS_ENDPOINT_URL_SECRETS_MANAGER: `https://${ENDPOINTS.secrets}`,
  }),
});
const TFE_HOST = { [ENV.hostname]: `${TFE.host}:${TFE.port}` };
const IN_THE_VPC = {
  ...TFE_HOST,
  AWS_ENDPOINT_URL: `https://${ENDPOINTS.ecs}`,
  AWS_ENDPOINT_URL_SECRETS_MANAGER: `https://${ENDPOINTS.secrets}`,
};

export const ROWS: readonly Row[] = [
  { name: 'reaches Terraform Enterprise in the VPC', set: IN_THE_VPC, ways: ['tfe', 'endpoints'] },
  {
    name: 'reports Terraform Enterprise’s private authority if caCertificates is missing',
    // Secrets Manager and ECS have public certificates. So only Terraform Enterprise loses its trust here.
    set: { ...IN_THE_VPC, NODE_EXTRA_CA_CERTS: 'PUBLIC' },
    error: /certificate is not trusted .*set caCertificates/,
    ways: ['tfe', 'endpoints'],
  },
  { name: 'uses squid', set: proxy(PORTS.squid), ways: ['proxy'] },
  { name: 'uses squid with a login', set: proxy(PORTS.squidLogin, SECRETS.squid), ways: ['proxy', 'endpoints'] },
  { name: 'uses tinyproxy', set: proxy(PORTS.tinyproxy), ways: ['proxy'] },
  {
    name: 'uses tinyproxy with a login',
    set: proxy(PORTS.tinyproxyLogin, SECRETS.tinyproxy),
    ways: ['proxy', 'endpoints'],
  },
  {
    name: 'reaches a host in noProxy directly, and AWS through squid',
    set: { ...proxy(PORTS.squid), ...TFE_HOST, [ENV.noProxy]: TFE.host },
    ways: ['proxy', 'tfe'],
  },
  {
    name: 'reports that squid demands a login',
    set: proxy(PORTS.squidLogin),
    error: /demands a login \(407\).*launcher\.httpsProxyCredentialsSecret/,
    ways: ['proxy'],
  },
  {
    name: 'reports that tinyproxy demands a login',
    set: proxy(PORTS.tinyproxyLogin),
    error: /demands a login \(407\).*launcher\.httpsProxyCredentialsSecret/,
    ways: ['proxy'],
  },
  {
    name: 'reports that squid rejected the login',
    set: proxy(PORTS.squidLogin, SECRETS.wrong),
    error: /rejected the login in secret acme\/wrong \(407\).*launcher\.httpsProxyCredentialsSecret/,
    ways: ['proxy', 'endpoints'],
  },
  {
    name: 'reports that tinyproxy rejected the login',
    set: proxy(PORTS.tinyproxyLogin, SECRETS.wrong),
    // tinyproxy 1.11.1 answers 401, newer versions 407.
    error: /rejected the login in secret acme\/wrong \(40[17]\).*launcher\.httpsProxyCredentialsSecret/,
    ways: ['proxy', 'endpoints'],
  },
  {
    name: 'reports that the proxy is down',
    set: proxy(PORTS.down),
    error: /the proxy proxy\.corp\.example:3127 can't be reached \(ECONNREFUSED\)/,
    ways: ['proxy'],
  },
  {
    name: 'reports that squid has no connection to the host',
    set: { ...proxy(PORTS.squid), [ENV.hostname]: `${HCP.host}:8444` },
    error: /has no connection to app\.terraform\.example:8444 \(status 50\d\)/,
    ways: ['proxy'],
  },
  {
    name: 'reports that tinyproxy has no connection to the host',
    set: { ...proxy(PORTS.tinyproxy), [ENV.hostname]: `${HCP.host}:8444` },
    error: /has no connection to app\.terraform\.example:8444 \(status 50\d\)/,
    ways: ['proxy'],
  },
  {
    name: 'reports that tinyproxy refuses the host',
    set: { ...proxy(PORTS.tinyproxy), [ENV.hostname]: `${HCP.host}:8445` },
    error: /refuses connections to app\.terraform\.example:8445 \(status 403\); allow this destination in the proxy/,
    ways: ['proxy'],
  },
];

const WAYS: Readonly<Record<Exclude<Flow, 'bypass'>, string>> = {
  proxy: 'the proxy',
  tfe: 'Terraform Enterprise',
  endpoints: 'interface endpoints',
};

/** The table of the cases in the documents. */
export function rowTable(): string {
  const cells = ROWS.map(({ name, error, ways }) => [
    name,
    error === undefined ? 'starts a task' : 'logs the error',
    ways.map((way) => WAYS[way]).join(', '),
  ]);
  return markdownTable(['the launcher', 'and', 'connects only to'], cells);
}
