/** Templates broken on purpose: each must be seen by the walk or named among the faults, or the green means nothing. */
import { describe, expect, it } from 'vitest';
import { templateOf } from '../synthesis.ts';
import { networkIn } from './reachability/network-model.ts';
import { policyFaults } from './reachability/policy-faults.ts';
import { findings } from './reachability/probes.ts';

const expected = {
  dnsFirewall: true,
  taskStartEndpoints: true,
  ipv6: false,
  services: [],
  buckets: [],
  ports: [443],
};
const VARIANTS = {
  'network-firewall': {
    template: templateOf({
      network: { egress: 'network-firewall', natGateways: 'all', vpcEndpoints: 'task-start' },
    }).toJSON(),
    expected: { ...expected, firewalls: 2 },
  },
  'nat-gateway': {
    template: templateOf({ network: { vpcEndpoints: 'task-start' } }).toJSON(),
    expected: { ...expected, firewalls: 0 },
  },
  'public-ip': {
    template: templateOf({ network: { egress: 'public-ip' } }).toJSON(),
    expected: { ...expected, firewalls: 0, taskStartEndpoints: false },
  },
};
type Variant = keyof typeof VARIANTS;

/** A part of a template: whatever JSON there is. */
// biome-ignore lint/suspicious/noExplicitAny: a mutation reaches anywhere
type Part = any;

/** Changes every resource of a type. */
function each(type: string, change: (properties: Part, resource: Part) => void) {
  return (resources: Record<string, Part>) => {
    const some = Object.values(resources).filter((resource) => resource.Type === type);
    if (some.length === 0) throw new Error(`There is no ${type}.`);
    for (const resource of some) change(resource.Properties, resource);
  };
}

const policy = (change: (policy: Part) => void) =>
  each('AWS::NetworkFirewall::FirewallPolicy', ({ FirewallPolicy }) => change(FirewallPolicy));
const ruleGroup = (change: (group: Part) => void) =>
  each('AWS::NetworkFirewall::RuleGroup', ({ RuleGroup }) => change(RuleGroup));
const dnsRules = (change: (rules: Part) => void) =>
  each('AWS::Route53Resolver::FirewallRuleGroup', ({ FirewallRules }) => change(FirewallRules));
const endpoint = (kind: 'Gateway' | 'Interface', change: (properties: Part) => void) =>
  each('AWS::EC2::VPCEndpoint', (properties) => {
    if (properties.VpcEndpointType === kind) change(properties);
  });
const taskGroup = (change: (properties: Part) => void) =>
  each('AWS::EC2::SecurityGroup', (properties) => {
    if (properties.GroupDescription.startsWith('Agents')) change(properties);
  });

interface Case {
  readonly what: string;
  readonly in: readonly Variant[];
  readonly change: (resources: Record<string, Part>) => void;
  /** The fault that must be named. */
  readonly fault: RegExp;
  /** The probe that must come out otherwise, where packets can tell. */
  readonly probe?: { readonly what: string; readonly reached: boolean };
}

const firewalled = ['network-firewall'] as const;
const withEndpoints = ['network-firewall', 'nat-gateway'] as const;
const all = ['network-firewall', 'nat-gateway', 'public-ip'] as const;
const opened = (what: string) => ({ what, reached: true });
const closed = (what: string) => ({ what, reached: false });
const ALLOWED = 'TLS to an allowed name';
const NAMELESS = 'TLS to an address, without a server name';

const CASES: readonly Case[] = [
  {
    what: 'the stateless stage passes everything',
    in: firewalled,
    change: policy((it) => {
      it.StatelessDefaultActions = ['aws:pass'];
    }),
    fault: /^stateless default actions of \w+: \["aws:pass"\]/,
    probe: opened(NAMELESS),
  },
  {
    what: 'the stateless stage passes fragments',
    in: firewalled,
    change: policy((it) => {
      it.StatelessFragmentDefaultActions = ['aws:pass'];
    }),
    fault: /^fragments at \w+: \["aws:pass"\]/,
  },
  {
    what: 'no rule group is referred to',
    in: firewalled,
    change: policy((it) => {
      it.StatefulRuleGroupReferences = [];
    }),
    fault: /^order of the rule groups of \w+: \[\]/,
    probe: closed(ALLOWED),
  },
  {
    what: 'no rule group is referred to, and nothing is dropped by default',
    in: firewalled,
    change: policy((it) => {
      it.StatefulRuleGroupReferences = [];
      it.StatefulDefaultActions = ['aws:alert_established'];
    }),
    fault: /^stateful default actions/,
    probe: opened(NAMELESS),
  },
  {
    what: 'the policy reads rules by their actions',
    in: firewalled,
    change: policy((it) => {
      it.StatefulEngineOptions.RuleOrder = 'DEFAULT_ACTION_ORDER';
    }),
    fault: /^order of the policy of \w+: "DEFAULT_ACTION_ORDER"/,
  },
  {
    what: 'the rule group is for rules that are read by their actions',
    in: firewalled,
    change: ruleGroup((it) => {
      it.StatefulRuleOptions.RuleOrder = 'DEFAULT_ACTION_ORDER';
    }),
    fault: /^order of the rule groups of \w+: \["DEFAULT_ACTION_ORDER"\]/,
  },
  {
    what: 'the policy says nothing of the order',
    in: firewalled,
    change: policy((it) => {
      delete it.StatefulEngineOptions;
    }),
    fault: /^order of the policy/,
  },
  {
    what: 'streams that the firewall cannot follow go on',
    in: firewalled,
    change: policy((it) => {
      it.StatefulEngineOptions.StreamExceptionPolicy = 'CONTINUE';
    }),
    fault: /^streams that \w+ cannot follow: "CONTINUE"/,
  },
  {
    what: 'the rules are for another range',
    in: firewalled,
    change: policy((it) => {
      it.PolicyVariables = { RuleVariables: { IPSets: { HOME_NET: { Definition: ['192.0.2.0/24'] } } } };
    }),
    fault: /^\$HOME_NET/,
  },
  ...(['ALERT', 'FLOW'] as const).map((kind) => ({
    what: `no ${kind} log`,
    in: firewalled,
    change: each('AWS::NetworkFirewall::LoggingConfiguration', ({ LoggingConfiguration: logging }) => {
      logging.LogDestinationConfigs = logging.LogDestinationConfigs.filter(({ LogType }: Part) => LogType !== kind);
    }),
    fault: /^logs of \w+/,
  })),
  {
    what: 'logs of one firewall are not written',
    in: firewalled,
    change: (resources) => {
      const [id = ''] = Object.entries(resources).find(([, { Type }]) => Type.endsWith('LoggingConfiguration')) ?? [];
      delete resources[id];
    },
    fault: /^logs of \w+: \[\]/,
  },
  {
    what: 'a firewall in another VPC',
    in: firewalled,
    change: each('AWS::NetworkFirewall::Firewall', (it) => {
      it.VpcId = 'vpc-0123456789abcdef0';
    }),
    fault: /^VPCs of the firewalls/,
  },
  {
    what: "the S3 endpoint's policy is opened to every bucket",
    in: all,
    change: endpoint('Gateway', ({ PolicyDocument }) => {
      const [first] = PolicyDocument.Statement;
      first.Action = 's3:*';
      first.Resource = { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::*']] };
    }),
    fault: /^policy of the endpoint s3/,
    probe: opened("someone else's bucket in this region, by its IPv4 address"),
  },
  {
    what: "the S3 endpoint's policy has a condition that anybody meets",
    in: all,
    change: endpoint('Gateway', ({ PolicyDocument }) => {
      PolicyDocument.Statement.push({
        Effect: 'Allow',
        Principal: '*',
        Action: 's3:Put*',
        Resource: '*',
        Condition: { StringLike: { 'aws:ResourceAccount': '*' } },
      });
    }),
    fault: /^policy of the endpoint s3/,
    probe: opened("someone else's bucket in this region, by its IPv4 address"),
  },
  {
    what: "the S3 endpoint's policy is for everything but one bucket",
    in: all,
    change: endpoint('Gateway', ({ PolicyDocument }) => {
      PolicyDocument.Statement.push({
        Effect: 'Allow',
        Principal: '*',
        Action: 's3:*',
        NotResource: 'arn:aws:s3:::one/*',
      });
    }),
    fault: /^policy of the endpoint s3/,
    probe: opened("someone else's bucket in this region, by its IPv4 address"),
  },
  {
    what: 'the S3 endpoint has no policy',
    in: all,
    change: endpoint('Gateway', (it) => {
      delete it.PolicyDocument;
    }),
    fault: /^policy of the endpoint s3: "none"/,
    probe: opened("someone else's bucket in this region, by its IPv4 address"),
  },
  {
    what: 'the S3 endpoint lets no layers be read',
    in: all,
    change: endpoint('Gateway', ({ PolicyDocument }) => {
      PolicyDocument.Statement[0].Action = 's3:ListBucket';
    }),
    fault: /^policy of the endpoint s3/,
    probe: closed('image layers in ECR (S3)'),
  },
  {
    what: 'interface endpoints are open to any principal',
    in: withEndpoints,
    change: endpoint('Interface', ({ PolicyDocument }) => {
      PolicyDocument.Statement = [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }];
    }),
    fault: /^policy of the endpoint logs/,
    probe: opened('CloudWatch Logs, with keys of another account'),
  },
  {
    what: 'an endpoint of one service lets everything of it be done',
    in: withEndpoints,
    change: endpoint('Interface', ({ PolicyDocument, ServiceName }) => {
      if (JSON.stringify(ServiceName).includes('secretsmanager')) {
        PolicyDocument.Statement[0].Action = 'secretsmanager:*';
      }
    }),
    fault: /^policy of the endpoint secretsmanager/,
  },
  {
    what: 'the own names of the APIs do not mean the endpoints',
    in: withEndpoints,
    change: endpoint('Interface', (it) => {
      it.PrivateDnsEnabled = false;
    }),
    fault: /^private DNS of the endpoint logs: false/,
  },
  {
    what: 'an endpoint more',
    in: all,
    change: (resources) => {
      resources['More'] = {
        Type: 'AWS::EC2::VPCEndpoint',
        Properties: { VpcEndpointType: 'Interface', ServiceName: 'com.amazonaws.vpce.eu-central-1.vpce-svc-0123' },
      };
    },
    fault: /^endpoints: /,
  },
  {
    what: 'DNS Firewall is attached to another VPC',
    in: all,
    change: each('AWS::Route53Resolver::FirewallRuleGroupAssociation', (it) => {
      it.VpcId = 'vpc-0123456789abcdef0';
    }),
    fault: /^VPCs with DNS Firewall: \["vpc-0123456789abcdef0"\]/,
  },
  {
    what: 'DNS Firewall fails open',
    in: all,
    change: (resources: Record<string, Part>) => {
      resources['FailOpen'] = {
        Type: 'AWS::Route53Resolver::FirewallConfig',
        Properties: { ResourceId: 'vpc-0123456789abcdef0', FirewallFailOpen: 'ENABLED' },
      };
    },
    fault: /^failure of DNS Firewall: .*ENABLED/,
  },
  {
    what: 'redirections are inspected',
    in: all,
    change: dnsRules(([allow]) => {
      allow.FirewallDomainRedirectionAction = 'INSPECT_REDIRECTION_DOMAIN';
    }),
    fault: /^rules of DNS Firewall: .*INSPECT/,
    probe: closed(ALLOWED),
  },
  {
    what: 'names that are not allowed raise an alert only',
    in: all,
    change: dnsRules(([, block]) => {
      block.Action = 'ALERT';
    }),
    fault: /^rules of DNS Firewall: .*ALERT/,
  },
  {
    what: 'every name is blocked before one is allowed',
    in: all,
    change: dnsRules(([, block]) => {
      block.Priority = 1;
    }),
    fault: /^rules of DNS Firewall/,
    probe: closed(ALLOWED),
  },
  {
    what: 'the allowed names are all names',
    in: all,
    change: each('AWS::Route53Resolver::FirewallDomainList', (it) => {
      it.Domains = ['*'];
    }),
    fault: /^allowed names that are too wide: \["\*"\]/,
  },
  {
    what: 'half of all addresses on port 80',
    in: all,
    change: taskGroup((it) => {
      it.SecurityGroupEgress.push({ IpProtocol: 'tcp', FromPort: 80, ToPort: 80, CidrIp: '128.0.0.0/1' });
    }),
    fault: /^out of the tasks: .*128\.0\.0\.0\/1/,
  },
  {
    what: 'a few addresses by UDP, with the protocol as a number',
    in: all,
    change: taskGroup((it) => {
      it.SecurityGroupEgress.push({ IpProtocol: 17, FromPort: 443, ToPort: 443, CidrIp: '198.51.100.0/24' });
    }),
    fault: /^out of the tasks: .*udp 443-443/,
  },
  {
    what: 'half of all IPv6 addresses',
    in: all,
    change: taskGroup((it) => {
      it.SecurityGroupEgress.push({ IpProtocol: 'tcp', FromPort: 443, ToPort: 443, CidrIpv6: '8000::/1' });
    }),
    fault: /^out of the tasks: .*8000::\/1/,
  },
  {
    what: 'a prefix list on every port',
    in: all,
    change: taskGroup((it) => {
      it.SecurityGroupEgress.push({ IpProtocol: '-1', DestinationPrefixListId: 'pl-0123456789abcdef0' });
    }),
    fault: /^out of the tasks: .*pl-0123456789abcdef0/,
  },
];

const rows = CASES.flatMap((each) => each.in.map((variant) => [variant, each.what, each] as const));

it.each(Object.keys(VARIANTS) as Variant[])('%s has no fault as it is', (variant) => {
  const { template, expected } = VARIANTS[variant];
  expect(policyFaults(template, expected)).toEqual([]);
});

it.each(rows)('%s turns red: %s', (variant, _what, { change, fault, probe }) => {
  const { template, expected } = VARIANTS[variant];
  const copy = structuredClone(template);
  change(copy['Resources']);
  expect(policyFaults(copy, expected)).toContainEqual(expect.stringMatching(fault));
  if (probe === undefined) return;
  const reachedIn = (given: unknown) => findings(networkIn(given)).find(({ what }) => what === probe.what)?.reached;
  expect(reachedIn(template)).toBe(!probe.reached);
  expect(reachedIn(copy)).toBe(probe.reached);
});

describe('packets alone tell, too', () => {
  const reachedAfter = (variant: Variant, type: string, change: (properties: Part) => void, what: string) => {
    const copy = structuredClone(VARIANTS[variant].template);
    each(type, change)(copy['Resources']);
    return findings(networkIn(copy)).find((finding) => finding.what === what)?.reached;
  };

  it('that DNS Firewall is elsewhere', () => {
    const type = 'AWS::Route53Resolver::FirewallRuleGroupAssociation';
    const change = (it: Part) => {
      it.VpcId = 'vpc-0123456789abcdef0';
    };
    expect(reachedAfter('nat-gateway', type, change, 'TLS to another name')).toBe(true);
  });

  it('that some addresses are open on another port', () => {
    const change = (it: Part) => {
      it.SecurityGroupEgress.push({ IpProtocol: 'tcp', FromPort: 80, ToPort: 80, CidrIp: '128.0.0.0/1' });
    };
    const what = 'another TCP port (80, 22, …), to an address';
    expect(reachedAfter('nat-gateway', 'AWS::EC2::SecurityGroup', change, what)).toBe(true);
  });

  it('that APIs are asked for at their public addresses', () => {
    const change = (it: Part) => {
      if (it.VpcEndpointType === 'Interface') it.PrivateDnsEnabled = false;
    };
    expect(reachedAfter('network-firewall', 'AWS::EC2::VPCEndpoint', change, 'CloudWatch Logs')).toBe(false);
  });
});
