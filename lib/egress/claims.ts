/** What each egress mode promises, in sentences that the README, the outputs and the documents share. */

export type EgressMode = 'nat-gateway' | 'network-firewall' | 'existing-vpc' | 'public-ip';

export interface Claim {
  /** One sentence that may be quoted. */
  readonly claim: string;
  /** What a job that means harm can still do. */
  readonly gap: string;
  /** Whether it stops each of these, and how far. */
  readonly stops: {
    readonly 'a wrong name': string;
    readonly 'a bare address': string;
    readonly 'a forged server name': string;
    readonly 'domain fronting': string;
    readonly 'another AWS account': string;
    readonly 'DNS tunnelling': string;
    readonly 'other ports': string;
    readonly 'anything inwards': string;
  };
}

/** What the sentence depends on beside the way out itself. */
export interface ClaimOptions {
  readonly egress: EgressMode;
  /**
   * Whether only the allowed names resolve.
   *
   * @default - true, and false with `existing-vpc`
   */
  readonly dnsFirewall?: boolean;
  /**
   * Port of `hostname`.
   *
   * @default 443
   */
  readonly port?: number;
  /**
   * Proxies that the stack's security group in an existing VPC opens a port for.
   *
   * @default - none
   */
  readonly proxies?: readonly { readonly address: string | undefined; readonly port: number }[];
  /**
   * Whether IPv6 leaves as well.
   *
   * @default false
   */
  readonly ipv6?: boolean;
  /**
   * Whether agents have the user's own security groups.
   *
   * @default false
   */
  readonly ownGroups?: boolean;
}

/** The sentence that may be said of a network with these options, and no more than may be said. */
export function claimOf(options: ClaimOptions): string {
  const { egress, port = 443, ipv6 = false, ownGroups = false } = options;
  const ports = port === 443 ? 'only port 443 goes out' : `only ports 443 and ${port} go out`;
  const by = `${ports}${ipv6 ? ', by IPv4 and IPv6' : ''}`;
  const { dnsFirewall = egress !== 'existing-vpc' } = options;
  switch (egress) {
    case 'nat-gateway':
      return dnsFirewall
        ? `Nothing comes in, ${by}, and only the allowed names resolve: names are guarded, not walled.`
        : `Nothing comes in, and ${by}, to any host: names are not limited.`;
    case 'public-ip':
      return dnsFirewall
        ? `Nothing comes in, ${by}, and only the allowed names resolve; but tasks have public addresses in public subnets.`
        : `Nothing comes in, and ${by}, to any host: names are not limited, and tasks have public addresses in public subnets.`;
    case 'network-firewall': {
      const other = port === 443 ? '' : `, on port 443 and to \`hostname\` on port ${port}`;
      return `Nothing comes in, and only TLS that shows an allowed server name goes out${other}. The firewall does not check the address, so a forged server name reaches any host.`;
    }
    case 'existing-vpc': {
      const group = ownGroups
        ? 'What leaves and what comes in is what your VPC and your security groups let through; the stack adds no rule of its own'
        : `What leaves is what your VPC lets out; the stack adds a security group with nothing in and port${port === 443 ? ' 443' : `s 443 and ${port}`} out${toProxies(options, port)}`;
      return `${group}${dnsFirewall ? ', and only the allowed names resolve, for everything in the VPC' : ''}.`;
    }
  }
}

function toProxies({ proxies = [] }: ClaimOptions, platformPort: number): string {
  return proxies
    .filter(({ port }) => port !== 443 && port !== platformPort)
    .map(({ address, port }) => `, and port ${port} to ${address ?? 'every address'} for a proxy`)
    .join('');
}

const OWN_SECURITY_GROUP = 'yes: the security group has no rule inwards';

/** A host of AWS serves every account: whose log, secret or registry it is, only the request inside TLS says. */
const EVERY_ACCOUNT =
  'CloudWatch Logs, Secrets Manager and (for an image in ECR) ECR of the region must be reached for a task start, and serve every account';

/** DNS Firewall as the only judge of names. */
const GUARDED = {
  'a wrong name': 'yes: it does not resolve',
  'a bare address': 'no',
  'a forged server name': 'no',
  'domain fronting': 'no',
  'another AWS account': `no: ${EVERY_ACCOUNT}`,
  'DNS tunnelling':
    "in plain DNS, except beneath an allowed wildcard, to whoever answers for that domain: other names are not resolved, and other resolvers' port 53 is closed. Not DNS over HTTPS to an address: port 443 is open and nothing reads what is in it",
  'other ports': 'yes: the security group lets TCP 443 out and nothing else',
} as const;

/**
 * The claims and gaps of each way out with its default options; {@link claimOf} has the sentence for other ones.
 */
export const CLAIMS: Readonly<Record<EgressMode, Claim>> = {
  'nat-gateway': {
    claim: claimOf({ egress: 'nat-gateway' }),
    gap: 'A job that knows an address reaches it on port 443 without asking for a name; one with keys of another AWS account needs none.',
    stops: {
      ...GUARDED,
      'another AWS account': `${GUARDED['another AWS account']}. With \`vpcEndpoints: task-start\` their names lead to endpoints that refuse keys of another account, but not who knows their public addresses`,
      'anything inwards': `${OWN_SECURITY_GROUP}, and there is no public address`,
    },
  },
  'network-firewall': {
    claim: claimOf({ egress: 'network-firewall' }),
    gap: 'A job with keys of another AWS account writes to it through the hosts of a task start. One that forges the server name reaches an accomplice at any address, or a neighbour of an allowed host on its CDN. Without any name it can send up to 4 kB a connection to an address, and gets no answer.',
    stops: {
      'a wrong name': 'yes: it does not resolve, and its server name is dropped',
      'a bare address':
        'yes, unless the server name is forged; up to 4 kB a connection leave unanswered before it is judged',
      'a forged server name': 'no: the firewall does not compare name and address',
      'domain fronting': 'no: inside TLS the firewall sees nothing',
      'another AWS account': `no: ${EVERY_ACCOUNT}. With \`vpcEndpoints: task-start\` their endpoints refuse keys of another account, and the firewall lets their public hosts through no more, unless the server name is forged`,
      'DNS tunnelling':
        "in plain DNS, except beneath an allowed wildcard, to whoever answers for that domain: other names are not resolved, and no packet to another resolver's port 53 leaves. DNS over HTTPS only under a forged server name",
      'other ports': 'yes: the security group and the firewall both drop them',
      'anything inwards': `${OWN_SECURITY_GROUP}, and there is no public address`,
    },
  },
  'existing-vpc': {
    claim: claimOf({ egress: 'existing-vpc' }),
    gap: 'Whatever your routes, firewalls and resolvers allow.',
    stops: {
      'a wrong name': 'as your VPC does; with `dnsFirewall` it does not resolve',
      'a bare address': 'as your VPC does',
      'a forged server name': 'as your VPC does',
      'domain fronting': 'as your VPC does',
      'another AWS account': `as your VPC does; \`dnsFirewall\` does not: ${EVERY_ACCOUNT}`,
      'DNS tunnelling':
        'as your VPC does; with `dnsFirewall` the VPC’s resolver does not resolve other names, and DNS over HTTPS and other resolvers are as your VPC lets them',
      'other ports': "yes with the stack's security group; with yours, as it says",
      'anything inwards': "yes with the stack's security group; with yours, as it says",
    },
  },
  'public-ip': {
    claim: claimOf({ egress: 'public-ip' }),
    gap: 'As with nat-gateway; and only the security group stands between the internet and a task, whose address is another each time.',
    stops: { ...GUARDED, 'anything inwards': `${OWN_SECURITY_GROUP}; it is the only thing that keeps it out` },
  },
};
