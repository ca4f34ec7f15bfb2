/**
 * Templates with one change that makes the network less safe. The comparison of policies must report each change, and so
 * must the packets where they can. Otherwise, the tests of reachability would prove nothing.
 */
import { expect, it } from 'vitest';
import { EXISTING_VPC, templateOf } from '../synthesis.ts';
import { networkIn } from './reachability/network-model.ts';
import { policyFaults } from './reachability/policy-faults.ts';
import { findings } from './reachability/probes.ts';
import { type Change, each, type Part } from './reachability/template-changes.ts';

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
  'on-demand': {
    template: templateOf({ network: { egress: 'on-demand', gateways: 'all', vpcEndpoints: 'task-start' } }).toJSON(),
    expected: { ...expected, firewalls: 0, gateways: 2 },
  },
  'public-ip': {
    template: templateOf({ network: { egress: 'public-ip' } }).toJSON(),
    expected: { ...expected, firewalls: 0, taskStartEndpoints: false },
  },
};
type Variant = keyof typeof VARIANTS;

const FIREWALL = 'AWS::NetworkFirewall::';
const RESOLVER = 'AWS::Route53Resolver::';
const policy = (values: object) => each(`${FIREWALL}FirewallPolicy`, (it) => Object.assign(it.FirewallPolicy, values));
const engine = (values: object) =>
  each(`${FIREWALL}FirewallPolicy`, (it) => Object.assign(it.FirewallPolicy.StatefulEngineOptions, values));
const dnsRule = (index: number, values: object) =>
  each(`${RESOLVER}FirewallRuleGroup`, (it) => Object.assign(it.FirewallRules[index], values));
const endpoint = (kind: 'Gateway' | 'Interface', change: (properties: Part) => void) =>
  each('AWS::EC2::VPCEndpoint', (properties) => {
    if (properties.VpcEndpointType === kind) change(properties);
  });
const firstStatement = (values: object) =>
  endpoint('Gateway', (it) => Object.assign(it.PolicyDocument.Statement[0], values));
const anotherStatement = (values: object) =>
  endpoint('Gateway', (it) => it.PolicyDocument.Statement.push({ Effect: 'Allow', Principal: '*', ...values }));
const egressRule = (rule: object) =>
  each('AWS::EC2::SecurityGroup', (it) => {
    if (it.GroupDescription.startsWith('Agents')) it.SecurityGroupEgress.push(rule);
  });
const another =
  (type: string, Properties: object): Change =>
  (resources) => {
    resources['Another'] = { Type: type, Properties };
  };
const onPort = (port: number, to: object) => ({ IpProtocol: 'tcp', FromPort: port, ToPort: port, ...to });
const withoutLog = (kind: string) =>
  each(`${FIREWALL}LoggingConfiguration`, ({ LoggingConfiguration: logging }) => {
    logging.LogDestinationConfigs = logging.LogDestinationConfigs.filter(({ LogType }: Part) => LogType !== kind);
  });
const HOME_NET = { Definition: ['192.0.2.0/24'] };

interface Case {
  readonly what: string;
  readonly change: Change;
  /** The fault that must be reported. */
  readonly fault: RegExp;
  /** The probe that must have another result, and that result. */
  readonly probe?: readonly [what: string, reached: boolean];
  /** The probe doesn't get through a network firewall or a gateway. */
  readonly isStoppedByFilter?: true;
}

const ALLOWED = 'TLS to an allowed name';
const NAMELESS = 'TLS to an address, without a server name';
const ANY_BUCKET = "someone else's bucket in this region, by its IPv4 address";

/** Changes of the network firewall. */
const OF_FIREWALL: readonly Case[] = [
  {
    what: 'the stateless stage passes everything',
    change: policy({ StatelessDefaultActions: ['aws:pass'] }),
    fault: /^stateless default actions of \w+: \["aws:pass"\]/,
    probe: [NAMELESS, true],
  },
  {
    what: 'the stateless stage passes fragments',
    change: policy({ StatelessFragmentDefaultActions: ['aws:pass'] }),
    fault: /^fragments at \w+: \["aws:pass"\]/,
  },
  {
    what: 'the policy has no rule group',
    change: policy({ StatefulRuleGroupReferences: [] }),
    fault: /^order of the rule groups of \w+: \[\]/,
    probe: [ALLOWED, false],
  },
  {
    what: 'the policy has no rule group, and drops nothing by default',
    change: policy({ StatefulRuleGroupReferences: [], StatefulDefaultActions: ['aws:alert_established'] }),
    fault: /^stateful default actions/,
    probe: [NAMELESS, true],
  },
  {
    what: 'the policy evaluates rules by their actions',
    change: engine({ RuleOrder: 'DEFAULT_ACTION_ORDER' }),
    fault: /^order of the policy of \w+: "DEFAULT_ACTION_ORDER"/,
  },
  {
    what: 'the rule group evaluates rules by their actions',
    change: each(`${FIREWALL}RuleGroup`, (it) => {
      it.RuleGroup.StatefulRuleOptions.RuleOrder = 'DEFAULT_ACTION_ORDER';
    }),
    fault: /^order of the rule groups of \w+: \["DEFAULT_ACTION_ORDER"\]/,
  },
  {
    what: 'the policy has no rule order',
    change: policy({ StatefulEngineOptions: undefined }),
    fault: /^order of the policy/,
  },
  {
    what: 'the firewall continues streams that it cannot follow',
    change: engine({ StreamExceptionPolicy: 'CONTINUE' }),
    fault: /^streams that \w+ cannot follow: "CONTINUE"/,
  },
  {
    what: 'the rules apply to another address range',
    change: policy({ PolicyVariables: { RuleVariables: { IPSets: { HOME_NET } } } }),
    fault: /^\$HOME_NET/,
  },
  { what: 'the firewall writes no alert log', change: withoutLog('ALERT'), fault: /^logs of \w+/ },
  { what: 'the firewall writes no flow log', change: withoutLog('FLOW'), fault: /^logs of \w+/ },
  {
    what: 'one of the firewalls writes no log',
    change: (resources) => {
      const [id = ''] = Object.entries(resources).find(([, { Type }]) => Type.endsWith('LoggingConfiguration')) ?? [];
      delete resources[id];
    },
    fault: /^logs of \w+: \[\]/,
  },
  {
    what: 'the firewall is in another VPC',
    change: each(`${FIREWALL}Firewall`, (it) => Object.assign(it, { VpcId: EXISTING_VPC.vpcId })),
    fault: /^VPCs of the firewalls/,
  },
];

/** Changes of the interface endpoints. */
const OF_ENDPOINTS: readonly Case[] = [
  {
    what: 'the interface endpoints accept every principal',
    change: endpoint('Interface', ({ PolicyDocument }) => {
      PolicyDocument.Statement = [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }];
    }),
    fault: /^policy of the endpoint logs/,
    probe: ['CloudWatch Logs, with keys of another account', true],
  },
  {
    what: 'the endpoint of one service allows all of its actions',
    change: endpoint('Interface', ({ PolicyDocument, ServiceName }) => {
      if (JSON.stringify(ServiceName).includes('secretsmanager')) {
        PolicyDocument.Statement[0].Action = 'secretsmanager:*';
      }
    }),
    fault: /^policy of the endpoint secretsmanager/,
  },
  {
    what: "the APIs' own hostnames do not resolve to the endpoints",
    change: endpoint('Interface', (it) => Object.assign(it, { PrivateDnsEnabled: false })),
    fault: /^private DNS of the endpoint logs: false/,
  },
];

const ofGateways = (change: (properties: Part) => void) =>
  each('AWS::EC2::SecurityGroup', (it) => {
    if (it.GroupDescription.startsWith('Gateways')) change(it);
  });
const userData = (edit: (script: string) => string) =>
  each('AWS::EC2::LaunchTemplate', ({ LaunchTemplateData: data }) => {
    const [separator, parts] = data.UserData['Fn::Base64']['Fn::Join'];
    const edited = parts.map((part: unknown) => (typeof part === 'string' ? edit(part) : part));
    data.UserData = { 'Fn::Base64': { 'Fn::Join': [separator, edited] } };
  });

/** Changes of the gateways. */
const OF_GATEWAYS: readonly Case[] = [
  {
    what: 'the filter forwards another name',
    change: userData((script) =>
      script.replace(
        /(cat >>\S+names\.map <<'END_OF_FILE'\n)/,
        '$1evil.example.net evil.example.net;\n*.evil.example.net $server_name_read;\n',
      ),
    ),
    fault: /^forwarded names of \w+ that do not resolve: \["evil\.example\.net"/,
  },
  {
    what: 'the filter listens on another port',
    change: userData((script) => script.replace('    listen 443', '    listen 8443 so_keepalive=on;\n    listen 443')),
    fault: /^ports of \w+: \[8443,443\]/,
  },
  {
    what: 'the filter forwards another port to a host',
    change: userData((script) =>
      script.replace('target:443;\n', 'target:443;\n    "22:a.example.net" a.example.net:22;\n'),
    ),
    fault: /^ports of \w+ for one host: \[22\]/,
  },
  {
    what: 'a gateway drops packets for other addresses',
    change: each('AWS::EC2::NetworkInterface', (it) => Object.assign(it, { SourceDestCheck: true })),
    fault: /^packets for other addresses at \w+: false/,
    probe: [ALLOWED, false],
  },
  {
    what: 'tasks bypass the gateway',
    change: each('AWS::EC2::Route', (it) => {
      if (it.NetworkInterfaceId === undefined) return;
      delete it.NetworkInterfaceId;
      it.GatewayId = { Ref: 'InternetGateway' };
    }),
    fault: /^routes of tasks to a gateway: 0/,
    probe: [ALLOWED, false],
  },
  {
    what: 'the gateways admit the internet',
    change: ofGateways((it) => it.SecurityGroupIngress.push(onPort(443, { CidrIp: '0.0.0.0/0' }))),
    fault: /^into \w+: .*tcp 443-443 0\.0\.0\.0\/0/,
  },
  {
    what: 'the gateways admit SSH',
    change: ofGateways((it) => it.SecurityGroupIngress.push(onPort(22, { CidrIp: '10.90.0.0/22' }))),
    fault: /^into \w+: .*tcp 22-22/,
  },
  {
    what: 'the gateways admit nothing',
    change: ofGateways((it) => {
      it.SecurityGroupIngress = [];
    }),
    fault: /^into \w+: \[\]/,
    probe: [ALLOWED, false],
  },
  {
    what: 'the gateways may connect to every port',
    change: ofGateways((it) => it.SecurityGroupEgress.push({ IpProtocol: '-1', CidrIp: '0.0.0.0/0' })),
    fault: /^out of \w+: .*-1 0-65535/,
  },
];

/** Changes of what every network has. */
const OF_ALL: readonly Case[] = [
  {
    what: 'the S3 endpoint allows every bucket',
    change: firstStatement({
      Action: 's3:*',
      Resource: { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::*']] },
    }),
    fault: /^policy of the endpoint s3/,
    probe: [ANY_BUCKET, true],
  },
  {
    what: 'the S3 endpoint has a condition that everyone meets',
    change: anotherStatement({
      Action: 's3:Put*',
      Resource: '*',
      Condition: { StringLike: { 'aws:ResourceAccount': '*' } },
    }),
    fault: /^policy of the endpoint s3/,
    probe: [ANY_BUCKET, true],
  },
  {
    what: 'the S3 endpoint allows every bucket except for one',
    change: anotherStatement({ Action: 's3:*', NotResource: 'arn:aws:s3:::one/*' }),
    fault: /^policy of the endpoint s3/,
    probe: [ANY_BUCKET, true],
  },
  {
    what: 'the S3 endpoint has no policy',
    change: endpoint('Gateway', (it) => Object.assign(it, { PolicyDocument: undefined })),
    fault: /^policy of the endpoint s3: "none"/,
    probe: [ANY_BUCKET, true],
  },
  {
    what: 'the S3 endpoint does not allow reading layers',
    change: firstStatement({ Action: 's3:ListBucket' }),
    fault: /^policy of the endpoint s3/,
    probe: ['image layers in ECR (S3)', false],
  },
  {
    what: 'there is another endpoint',
    change: another('AWS::EC2::VPCEndpoint', {
      VpcEndpointType: 'Interface',
      ServiceName: 'com.amazonaws.vpce.eu-central-1.vpce-svc-0123',
    }),
    fault: /^endpoints: /,
  },
  {
    what: 'DNS Firewall is attached to another VPC',
    change: each(`${RESOLVER}FirewallRuleGroupAssociation`, (it) => Object.assign(it, { VpcId: EXISTING_VPC.vpcId })),
    fault: /^VPCs with DNS Firewall: \["vpc-0123456789abcdef0"\]/,
    probe: ['TLS to another name', true],
    isStoppedByFilter: true,
  },
  {
    what: 'DNS Firewall fails open',
    change: another(`${RESOLVER}FirewallConfig`, { ResourceId: EXISTING_VPC.vpcId, FirewallFailOpen: 'ENABLED' }),
    fault: /^failure of DNS Firewall: .*ENABLED/,
  },
  {
    what: 'DNS Firewall also checks the aliases of allowed domains',
    change: dnsRule(0, { FirewallDomainRedirectionAction: 'INSPECT_REDIRECTION_DOMAIN' }),
    fault: /^rules of DNS Firewall: .*INSPECT/,
    probe: [ALLOWED, false],
  },
  {
    what: 'DNS Firewall only raises an alert for other domains',
    change: dnsRule(1, { Action: 'ALERT' }),
    fault: /^rules of DNS Firewall: .*ALERT/,
  },
  {
    what: 'DNS Firewall blocks every domain before it allows any',
    change: dnsRule(1, { Priority: 1 }),
    fault: /^rules of DNS Firewall/,
    probe: [ALLOWED, false],
  },
  {
    what: 'DNS Firewall allows every domain',
    change: each(`${RESOLVER}FirewallDomainList`, (it) => Object.assign(it, { Domains: ['*'] })),
    fault: /^allowed names that are too wide: \["\*"\]/,
  },
  {
    what: 'the security group opens port 80 to half of all addresses',
    change: egressRule(onPort(80, { CidrIp: '128.0.0.0/1' })),
    fault: /^out of the tasks: .*128\.0\.0\.0\/1/,
    probe: ['another TCP port (80, 22, …), to an address', true],
    isStoppedByFilter: true,
  },
  {
    what: 'the security group opens a UDP port, with the number of the protocol',
    change: egressRule({ ...onPort(443, { CidrIp: '198.51.100.0/24' }), IpProtocol: 17 }),
    fault: /^out of the tasks: .*udp 443-443/,
  },
  {
    what: 'the security group opens half of all IPv6 addresses',
    change: egressRule(onPort(443, { CidrIpv6: '8000::/1' })),
    fault: /^out of the tasks: .*8000::\/1/,
  },
  {
    what: 'the security group opens every port to a prefix list',
    change: egressRule({ IpProtocol: '-1', DestinationPrefixListId: 'pl-0123456789abcdef0' }),
    fault: /^out of the tasks: .*pl-0123456789abcdef0/,
  },
];

const CASES: Readonly<Record<Variant, readonly Case[]>> = {
  'network-firewall': [...OF_FIREWALL, ...OF_ENDPOINTS, ...OF_ALL],
  'nat-gateway': [...OF_ENDPOINTS, ...OF_ALL],
  'on-demand': [...OF_GATEWAYS, ...OF_ENDPOINTS, ...OF_ALL],
  'public-ip': OF_ALL,
};
const rows = Object.entries(CASES).flatMap(([variant, cases]) =>
  cases.map((each) => [variant as Variant, each.what, each] as const),
);

it.each(Object.keys(VARIANTS) as Variant[])('%s has no fault if the template is unchanged', (variant) => {
  const { template, expected } = VARIANTS[variant];
  expect(policyFaults(template, expected)).toEqual([]);
});

it.each(rows)('%s has a fault if %s', (variant, _, { change, fault, probe, isStoppedByFilter = false }) => {
  const { template, expected } = VARIANTS[variant];
  const copy = structuredClone(template);
  change(copy['Resources']);
  expect(policyFaults(copy, expected)).toContainEqual(expect.stringMatching(fault));
  if (probe === undefined) return;
  const [name, reached] = probe;
  const reachedIn = (given: unknown) => findings(networkIn(given)).find(({ what }) => what === name)?.reached;
  expect(reachedIn(template)).toBe(!reached);
  const hasFilter = variant === 'network-firewall' || variant === 'on-demand';
  expect(reachedIn(copy)).toBe(reached && !(isStoppedByFilter && hasFilter));
});

it('with network-firewall, packets to the APIs are blocked if their hostnames do not resolve to the endpoints', () => {
  const copy = structuredClone(VARIANTS['network-firewall'].template);
  endpoint('Interface', (it) => Object.assign(it, { PrivateDnsEnabled: false }))(copy['Resources']);
  expect(findings(networkIn(copy)).find(({ what }) => what === 'CloudWatch Logs')?.reached).toBe(false);
});
