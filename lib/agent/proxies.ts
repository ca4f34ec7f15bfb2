/**
 * Proxies in the environment of the agents, parsed as the agent and Terraform parse them: both are Go programs.
 * https://pkg.go.dev/golang.org/x/net/http/httpproxy
 *
 * A proxy usually listens on a port that the agents' security group doesn't open, such as 3128. Image pulls, the agent token and
 * the agents' logs never use the proxy, because Fargate doesn't use the container's environment for them.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { holds } from '../aws/address-range.ts';

export interface AgentProxy {
  readonly variable: string;
  readonly scheme: 'http' | 'https' | 'socks5' | 'socks5h';
  /** Hostname in lower case, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly hasCredentials: boolean;
}

const VARIABLE = /^https?_proxy$/i;
const PORTS: Readonly<Record<AgentProxy['scheme'], number>> = { http: 80, https: 443, socks5: 1080, socks5h: 1080 };
const isScheme = (scheme: string | undefined): scheme is AgentProxy['scheme'] =>
  scheme !== undefined && Object.hasOwn(PORTS, scheme);

/**
 * The variables that set a proxy, with the parsed proxy; `undefined` for an invalid value. A variable with an empty value sets no
 * proxy.
 */
export function proxiesIn(environment: Readonly<Record<string, unknown>>): {
  readonly variable: string;
  readonly value: string;
  readonly proxy: AgentProxy | undefined;
}[] {
  return Object.entries(environment).flatMap(([variable, value]) =>
    VARIABLE.test(variable) && typeof value === 'string' && value !== ''
      ? [{ variable, value, proxy: parseProxy(variable, value) }]
      : [],
  );
}

/** Ports of the proxies in an environment. */
export function proxyPortsIn(environment: Readonly<Record<string, unknown>>): number[] {
  return proxiesIn(environment).flatMap(({ proxy }) => proxy?.port ?? []);
}

/** Go treats a value without a scheme as `http://`. */
function parseProxy(variable: string, value: string): AgentProxy | undefined {
  const [, given = 'http', authority = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?([^/?#\s]+)\/?$/i.exec(value) ?? [];
  const scheme = given.toLowerCase();
  const at = authority.lastIndexOf('@');
  const [, bracketed, plain, port] =
    /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(authority.slice(at + 1)) ?? [];
  const host = (bracketed ?? plain ?? '').toLowerCase();
  if (!isScheme(scheme) || host === '' || (bracketed !== undefined && !isIPv6(bracketed))) return undefined;
  const number = port === undefined ? PORTS[scheme] : Number(port);
  if (number < 1 || number > 65_535) return undefined;
  return { variable, scheme, host, port: number, hasCredentials: at !== -1 };
}

/** A proxy's value without its credentials, for a message. */
export function withoutCredentials(value: string): string {
  const at = value.lastIndexOf('@');
  return at === -1 ? value : value.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/i, '$1…@');
}

/** The proxy's IP address as a range; `undefined` if the proxy has a hostname. */
export function addressOf({ host }: Pick<AgentProxy, 'host'>): string | undefined {
  if (isIPv4(host)) return `${host}/32`;
  return isIPv6(host) ? `${host}/128` : undefined;
}

/** Whether the proxy runs inside the task, where no security group or resolver applies. */
export function isInTheTask({ host }: Pick<AgentProxy, 'host'>): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * Addresses and ports of the proxies, which the agents' security group must allow. All agents share the group, so each proxy is
 * listed once.
 */
export function proxiesToOpen(
  environments: readonly Readonly<Record<string, unknown>>[],
): { address: string | undefined; port: number }[] {
  const all = environments.flatMap((environment) => proxiesIn(environment).flatMap(({ proxy }) => proxy ?? []));
  const outside = all.filter((proxy) => !isInTheTask(proxy));
  const once = new Map(outside.map((proxy) => [`${addressOf(proxy)} ${proxy.port}`, proxy]));
  return [...once.values()].map((proxy) => ({ address: addressOf(proxy), port: proxy.port }));
}

/** The address at which Terraform gets the task role's credentials: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html */
export const TASK_CREDENTIALS = '169.254.170.2';

/** Warnings about a pool's proxies. They aren't errors, because such a configuration can be intended. */
export function* proxyWarnings(environment: Readonly<Record<string, string>>): Iterable<{ id: string; text: string }> {
  const proxies = proxiesIn(environment).flatMap(({ proxy }) => proxy ?? []);
  const withCredentials = proxies.filter(({ hasCredentials }) => hasCredentials).map(({ variable }) => variable);
  if (withCredentials.length > 0) {
    yield {
      id: 'agent-launcher:proxyCredentials',
      text: `${withCredentials.join(', ')} contains a user name and password. Everyone who can read the task definition or the template sees them, and so does every job. Use a proxy that accepts agents by their IP address.`,
    };
  }
  // Terraform gets the task role's credentials from an http:// address, so HTTPS_PROXY alone doesn't affect these requests.
  const plain = proxies.map(({ variable }) => variable).filter((variable) => variable.toLowerCase() === 'http_proxy');
  if (plain.length > 0 && !isExcepted(TASK_CREDENTIALS, environment)) {
    yield {
      id: 'agent-launcher:proxyTaskRole',
      text: `${plain.join(', ')} is set and NO_PROXY doesn't contain ${TASK_CREDENTIALS}. Terraform would ask the proxy for the task role's credentials. Add ${TASK_CREDENTIALS} to NO_PROXY, or remove the variable: agents only need HTTPS_PROXY.`,
    };
  }
}

function isExcepted(address: string, environment: Readonly<Record<string, string>>): boolean {
  const list = environment['NO_PROXY'] ?? environment['no_proxy'] ?? '';
  const entries = list.split(',').map((entry) => entry.trim());
  return entries.some((entry) => entry === '*' || entry === address || holds(entry, `${address}/32`));
}
