/** The comparison of the egress modes in docs/network.md: what each mode promises, stops and doesn't stop. */
import { claimOf } from '../../lib/network/claims.ts';
import type { EgressMode } from '../../lib/network/egress.ts';

interface Claim {
  /** One or two sentences that people may quote. */
  readonly claim: string;
  /** What a malicious job can still do. */
  readonly gap: string;
  /** For each kind of traffic, whether the mode stops it, and with which limits. */
  readonly stops: {
    readonly 'a domain that is not allowed': string;
    readonly 'a bare IP address': string;
    readonly 'a forged server name': string;
    readonly 'domain fronting': string;
    readonly 'another AWS account': string;
    readonly 'DNS tunnelling': string;
    readonly 'other ports': string;
    readonly 'inbound connections': string;
  };
}

const NO_INBOUND_RULE = 'yes: the security group has no inbound rule';

/** An AWS host serves every account. Only the request inside TLS contains the owner of the log, secret or registry. */
const TO_ANOTHER_ACCOUNT =
  "a job with keys of another account can send data to that account through this region's CloudWatch Logs and Secrets Manager, and also ECR if the image is in ECR. Tasks need these services to start, and the services accept requests for every AWS account";

const LIMITED_BY_ENDPOINTS = '`vpcEndpoints: task-start` [limits this](#vpcendpoints-and-other-accounts)';

const PLAIN_DNS = 'partly. In plain DNS, other domains do not resolve';

const WILDCARDS =
  'Not stopped: names under a wildcard that you allow (queries for them reach that domain’s own name servers)';

/** The modes in which only DNS Firewall limits domains. */
const DNS_ONLY = {
  'a domain that is not allowed': 'yes: it does not resolve',
  'a bare IP address': 'no',
  'a forged server name': 'no',
  'domain fronting': 'no',
  'another AWS account': `no: ${TO_ANOTHER_ACCOUNT}`,
  'DNS tunnelling': `${PLAIN_DNS}, and the security group blocks port 53 of other resolvers. ${WILDCARDS}, and DNS over HTTPS to an IP address, because port 443 is open and nothing inspects it`,
  'other ports': 'yes: the security group allows outbound TCP 443 and nothing else',
} as const;

/** The claims and gaps of each egress mode with its default options. {@link claimOf} has the claim for other options. */
export const CLAIMS: Readonly<Record<EgressMode, Claim>> = {
  'nat-gateway': {
    claim: claimOf({ egress: 'nat-gateway' }),
    gap: 'If a job knows an IP address, it can reach the address on port 443. If a job has keys of another AWS account, it can write to that account.',
    stops: {
      ...DNS_ONLY,
      'another AWS account': `${DNS_ONLY['another AWS account']}. ${LIMITED_BY_ENDPOINTS}`,
      'inbound connections': `${NO_INBOUND_RULE}, and there is no public address`,
    },
  },
  'on-demand': {
    claim: claimOf({ egress: 'on-demand' }),
    gap: 'If a job has keys of another AWS account, it can write to that account through the hosts that a starting task needs. A job can request another site on the CDN of an allowed host inside TLS. The gateway is an EC2 instance of your account: anyone who controls the launcher’s role can stop it, and without it no job has an egress path.',
    stops: {
      'a domain that is not allowed':
        'yes: it does not resolve, and the gateway refuses connections with its server name',
      'a bare IP address':
        'yes: the gateway connects to the host of the server name, whatever address the job uses, and refuses connections without one. Nothing leaves before it decides',
      'a forged server name': 'yes: the connection reaches the host of that name, not the address that the job uses',
      'domain fronting':
        'no: the gateway sees the allowed server name, but not the other host that the job requests inside TLS',
      'another AWS account': `no: ${TO_ANOTHER_ACCOUNT}. ${LIMITED_BY_ENDPOINTS}`,
      'DNS tunnelling': `${PLAIN_DNS}, and the security group blocks port 53 of other resolvers. ${WILDCARDS}`,
      'other ports': 'yes: the security group and the gateway both drop them',
      'inbound connections': `${NO_INBOUND_RULE}, and there is no public address`,
    },
  },
  'network-firewall': {
    claim: claimOf({ egress: 'network-firewall' }),
    gap: 'If a job has keys of another AWS account, it can write to that account through the hosts that a starting task needs. If a job forges the server name, it can reach any address, or another site on the CDN of an allowed host. Without a server name, a job can send up to 4 kB and one TCP segment per connection to any address, but no answer comes back.',
    stops: {
      'a domain that is not allowed':
        'yes: it does not resolve, and the firewall drops connections with its server name',
      'a bare IP address':
        'yes, unless the job forges the server name. Before the firewall decides, a connection can send up to 4 kB and one TCP segment, but no answer comes back',
      'a forged server name': 'no: the firewall does not compare the server name with the address',
      'domain fronting':
        'no: the firewall sees the allowed server name, but not the other host that the job requests inside TLS',
      'another AWS account': `no: ${TO_ANOTHER_ACCOUNT}. ${LIMITED_BY_ENDPOINTS}`,
      'DNS tunnelling': `${PLAIN_DNS}, and the firewall drops packets to port 53 of other resolvers. ${WILDCARDS}, and DNS over HTTPS with a forged server name`,
      'other ports': 'yes: the security group and the firewall both drop them',
      'inbound connections': `${NO_INBOUND_RULE}, and there is no public address`,
    },
  },
  'existing-vpc': {
    claim: claimOf({ egress: 'existing-vpc' }),
    gap: 'Everything that your routes, firewalls and resolvers allow.',
    stops: {
      'a domain that is not allowed': 'your VPC decides; with `dnsFirewall`, the domain does not resolve',
      'a bare IP address': 'your VPC decides',
      'a forged server name': 'your VPC decides',
      'domain fronting': 'your VPC decides',
      'another AWS account':
        "your VPC decides. `dnsFirewall` does not stop this: it always allows this region's CloudWatch Logs and Secrets Manager, and also ECR if the image is in ECR, because tasks need these services to start. The services accept requests for every AWS account",
      'DNS tunnelling':
        'your VPC decides. With `dnsFirewall`, the VPC’s resolver does not resolve other domains; your VPC decides about DNS over HTTPS and other resolvers',
      'other ports': "yes with the stack's security group; with your own groups, your rules decide",
      'inbound connections': "yes with the stack's security group; with your own groups, your rules decide",
    },
  },
  'public-ip': {
    claim: claimOf({ egress: 'public-ip' }),
    gap: 'The same as with nat-gateway. In addition, only the security group protects a task from the internet. Each task has a different address.',
    stops: { ...DNS_ONLY, 'inbound connections': `${NO_INBOUND_RULE}. Nothing else protects the task` },
  },
};
