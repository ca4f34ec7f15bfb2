/** What each way out promises, in words that the README, the outputs and the documents share. */

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
    readonly 'DNS tunnelling': string;
    readonly 'other ports': string;
    readonly 'anything inwards': string;
  };
}

const OWN_SECURITY_GROUP = 'yes: the security group has no rule inwards';

/** DNS Firewall as the only judge of names. */
const GUARDED = {
  'a wrong name': 'yes: it does not resolve',
  'a bare address': 'no',
  'a forged server name': 'no',
  'domain fronting': 'no',
  'DNS tunnelling': 'yes: other names are not resolved, other resolvers are not reachable (UDP and TCP 53 are closed)',
  'other ports': 'yes: the security group lets TCP 443 out and nothing else',
} as const;

export const CLAIMS: Readonly<Record<EgressMode, Claim>> = {
  'nat-gateway': {
    claim:
      'Nothing comes in, only port 443 goes out, and only the allowed names resolve: names are guarded, not walled.',
    gap: 'A job that knows an address reaches it on port 443 without asking for a name.',
    stops: { ...GUARDED, 'anything inwards': `${OWN_SECURITY_GROUP}, and there is no public address` },
  },
  'network-firewall': {
    claim:
      'Nothing comes in, and only TLS to these hosts goes out: a firewall reads the server name of every connection.',
    gap: 'A job that forges the server name reaches an accomplice at any address, or a neighbour of an allowed host on its CDN.',
    stops: {
      'a wrong name': 'yes: it does not resolve, and its server name is dropped',
      'a bare address': 'yes, unless the server name is forged',
      'a forged server name': 'no: the firewall does not compare name and address',
      'domain fronting': 'no: inside TLS the firewall sees nothing',
      'DNS tunnelling': GUARDED['DNS tunnelling'],
      'other ports': 'yes: the security group and the firewall both drop them',
      'anything inwards': `${OWN_SECURITY_GROUP}, and there is no public address`,
    },
  },
  'existing-vpc': {
    claim: 'What leaves is what your VPC lets out; the stack adds a security group with nothing in and port 443 out.',
    gap: 'Whatever your routes, firewalls and resolvers allow.',
    stops: {
      'a wrong name': 'as your VPC does; with `dnsFirewall` it does not resolve',
      'a bare address': 'as your VPC does',
      'a forged server name': 'as your VPC does',
      'domain fronting': 'as your VPC does',
      'DNS tunnelling': 'as your VPC does; with `dnsFirewall` other names are not resolved',
      'other ports': "yes with the stack's security group; with yours, as it says",
      'anything inwards': "yes with the stack's security group; with yours, as it says",
    },
  },
  'public-ip': {
    claim:
      'Nothing comes in, only port 443 goes out, only the allowed names resolve, and idle it costs nothing; but tasks have public addresses in public subnets.',
    gap: 'As with nat-gateway; and only the security group stands between the internet and a task, whose address is another each time.',
    stops: { ...GUARDED, 'anything inwards': `${OWN_SECURITY_GROUP}; it is the only thing that keeps it out` },
  },
};
