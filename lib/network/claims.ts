/** Describes what an egress mode blocks and allows. The stack outputs and the documents use these sentences. */
import type { EgressMode } from './egress.ts';
import type { LauncherApi } from './launcher-apis.ts';
import type { TaskSecurityGroupProps } from './security-group.ts';

export interface ClaimOptions extends Pick<TaskSecurityGroupProps, 'proxies'> {
  readonly egress: EgressMode;
  /** Whether only the allowed domains resolve. Default: true, and false with `existing-vpc`. */
  readonly dnsFirewall?: boolean;
  /** Port of `hostname`. */
  readonly port?: number;
  /** Whether traffic also leaves over IPv6. */
  readonly ipv6?: boolean;
  /** Whether agents use the user's security groups instead of the stack's. */
  readonly ownGroups?: boolean;
  /** The APIs that the launcher needs in this network, and those that have an endpoint. Absent if the launcher isn't in it. */
  readonly launcher?: { readonly apis: readonly LauncherApi[]; readonly endpoints: readonly LauncherApi[] };
}

const API_NAMES: Readonly<Record<LauncherApi, string>> = { ecs: 'ECS', sqs: 'SQS' };

function inWords(apis: readonly LauncherApi[]): string {
  return apis.map((api) => API_NAMES[api]).join(' and ');
}

/** What the description says about the launcher's own traffic, if the launcher is in the network. */
function launcherClaim({ launcher, dnsFirewall, egress }: ClaimOptions): string {
  if (launcher === undefined) return '';
  const { apis, endpoints } = launcher;
  if (egress === 'existing-vpc') {
    const names = dnsFirewall === true ? `, and the hostnames of ${inWords(apis)} also resolve in the VPC` : '';
    return ` The launcher is in the VPC too, with its own security group${names}.`;
  }
  const own =
    endpoints.length === 0 ? '' : `, which also reaches ${inWords(endpoints)} through endpoints that refuse agents`;
  return ` The same holds for the launcher${own}.`;
}

const VPC_DOMAINS_LIMITED = 'In the whole VPC, only the allowed domains resolve.';

/** Whether this description of an existing VPC says that the stack limits the domains of the whole VPC. */
export function limitsDomainsOfVpc(claim: string): boolean {
  return claim.includes(VPC_DOMAINS_LIMITED);
}

/** The description of a network with these options. It must not promise more than the template enforces. */
export function claimOf(options: ClaimOptions): string {
  return `${claimOfAgents(options)}${launcherClaim(options)}`;
}

function claimOfAgents(options: ClaimOptions): string {
  const { egress, port = 443, ipv6 = false, ownGroups = false } = options;
  const ports = port === 443 ? 'only port 443 goes out' : `only ports 443 and ${port} go out`;
  const outbound = `${ports}${ipv6 ? ', by IPv4 and IPv6' : ''}`;
  const { dnsFirewall = egress !== 'existing-vpc' } = options;
  switch (egress) {
    case 'nat-gateway':
    case 'public-ip': {
      const tasks = egress === 'public-ip' ? ', and tasks have public addresses in public subnets' : '';
      return dnsFirewall
        ? `Nothing comes in, ${outbound}, and only the allowed domains resolve. A job that uses an IP address directly is not stopped${tasks}.`
        : `Nothing comes in, and ${outbound}, to any host: domains are not limited${tasks}.`;
    }
    case 'on-demand': {
      const other = port === 443 ? '' : `, on port 443 and to \`hostname\` on port ${port}`;
      return `Nothing comes in, and only TLS with an allowed server name goes out${other}. A gateway looks the name up itself and connects to its host, so a forged server name reaches no other host. It does not look inside TLS.`;
    }
    case 'network-firewall': {
      const other = port === 443 ? '' : `, on port 443 and to \`hostname\` on port ${port}`;
      return `Nothing comes in, and only TLS with an allowed server name goes out${other}. The firewall does not check the address, so a job that forges the server name can reach any host.`;
    }
    case 'existing-vpc': {
      const group = ownGroups
        ? 'Your VPC and your security groups decide what comes in and what leaves; the stack adds no rules'
        : `Your VPC decides what leaves. The stack adds a security group that blocks inbound traffic and allows outbound port${port === 443 ? ' 443' : `s 443 and ${port}`}${toProxies(options, port)}`;
      return `${group}.${dnsFirewall ? ` ${VPC_DOMAINS_LIMITED}` : ''}`;
    }
  }
}

function toProxies({ proxies = [] }: ClaimOptions, platformPort: number): string {
  return proxies
    .filter(({ port }) => port !== 443 && port !== platformPort)
    .map(({ address, port }) => `, and port ${port} to ${address ?? 'every address'} for a proxy`)
    .join('');
}
