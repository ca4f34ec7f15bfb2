/**
 * Compares the policies of a template with those that it should have, and describes every difference. An additional
 * endpoint, rule group or security group rule is also a fault.
 */
import * as z from 'zod';
import { dnsAssociationsIn, dnsRulesIn } from './dns-rules.ts';
import { firewallLogsIn, firewallsIn } from './firewall-policy.ts';
import { gatewaysIn } from './gateway-filter.ts';
import { networkIn } from './network-model.ts';
import { FILL, resourcesIn } from './template-values.ts';

/** The properties that a network of the stack should have. */
export interface Expected {
  /** Number of zones with a firewall. It is 0 in the other modes. */
  readonly firewalls: number;
  /** Number of gateways of the launcher. It is 0 in the other modes. */
  readonly gateways?: number;
  readonly dnsFirewall: boolean;
  readonly taskStartEndpoints: boolean;
  readonly ipv6: boolean;
  /** Services whose APIs are allowed for jobs. */
  readonly services: readonly string[];
  /** Buckets whose hostnames are allowed. */
  readonly buckets: readonly string[];
  /** Ports that agents may use. */
  readonly ports: readonly number[];
}

/** Returns every fault of a template that creates a VPC. */
export function policyFaults(template: unknown, expected: Expected): string[] {
  return [
    ...securityGroupFaults(template, expected),
    ...dnsFaults(template, expected),
    ...firewallFaults(template, expected),
    ...gatewayFaults(template, expected),
    ...endpointFaults(template, expected),
  ];
}

function differs(what: string, seen: unknown, expected: unknown): string[] {
  const [is, should] = [JSON.stringify(seen), JSON.stringify(expected)];
  return is === should ? [] : [`${what}: ${is}, not ${should}`];
}

const ofType = (template: unknown, type: string) => resourcesIn(template).filter((resource) => resource.type === type);
const vpcOf = (template: unknown) => ofType(template, 'AWS::EC2::VPC').map(({ id }) => `<${id}>`);

function securityGroupFaults(template: unknown, { ports, ipv6, taskStartEndpoints, gateways = 0 }: Expected): string[] {
  const { groups, groupRules, tasks, gateways: created, subnets } = networkIn(template);
  const ofGateways = new Set([...created.values()].flatMap((gateway) => gateway.groups));
  const ofTasks = tasks.subnets.flatMap((id) => subnets.get(id)?.cidr ?? []);
  const rulesOf = (group: string, way: 'in' | 'out') =>
    groupRules
      .filter((rule) => rule.group === group && rule.direction === way)
      .map(({ protocol, from, to, peer }) => `${protocol} ${from}-${to} ${peer}`);
  const peers = ['0.0.0.0/0', ...(ipv6 ? ['::/0'] : [])];
  const [task = 'no group of the template'] = tasks.groups;
  return [
    ...differs('groups of the tasks', tasks.groups.length, 1),
    ...differs(
      'out of the tasks',
      rulesOf(task, 'out'),
      ports.flatMap((port) => peers.map((peer) => `tcp ${port}-${port} ${peer}`)),
    ),
    ...differs('into the tasks', rulesOf(task, 'in'), []),
    ...differs('gateways', created.size, gateways),
    ...differs(
      'routes of tasks to a gateway',
      tasks.subnets.filter((id) => subnets.get(id)?.routes.some(({ target }) => target.kind === 'gateway')).length,
      gateways,
    ),
    ...differs('groups of the gateways', ofGateways.size, Math.min(gateways, 1)),
    ...[...ofGateways].flatMap((group) => [
      ...differs(
        `out of ${group}`,
        rulesOf(group, 'out'),
        ports.map((port) => `tcp ${port}-${port} 0.0.0.0/0`),
      ),
      ...differs(
        `into ${group}`,
        rulesOf(group, 'in'),
        ports.flatMap((port) => ofTasks.map((cidr) => `tcp ${port}-${port} ${cidr}`)),
      ),
    ]),
    ...differs('other groups', groups.length - 1 - ofGateways.size, taskStartEndpoints ? 1 : 0),
    ...groups
      .filter((group) => group !== task && !ofGateways.has(group))
      .flatMap((group) => [
        // The CDK's rule for an impossible address, so that AWS doesn't add its default rule for everything.
        ...differs(`out of ${group}`, rulesOf(group, 'out'), ['icmp 252-86 255.255.255.255/32']),
        ...differs(`into ${group}`, rulesOf(group, 'in'), [`tcp 443-443 ${task}`]),
      ]),
  ];
}

function dnsFaults(template: unknown, { dnsFirewall }: Expected): string[] {
  const associations = dnsAssociationsIn(template).map(({ vpc }) => vpc);
  const vpc = vpcOf(template);
  // AWS's default is to fail closed. If a template sets the failure mode, that counts as a fault.
  const config = ofType(template, 'AWS::Route53Resolver::FirewallConfig').map(({ properties }) => properties);
  if (!dnsFirewall) {
    return [...differs('VPCs with DNS Firewall', associations, []), ...differs('failure of DNS Firewall', config, [])];
  }
  const rules = dnsRulesIn(template);
  return [
    ...differs('VPCs with DNS Firewall', associations, vpc),
    ...differs(
      'rules of DNS Firewall',
      rules.map(({ action, redirection, response }, index) => [action, index === 0 ? redirection : response]),
      [
        ['ALLOW', 'TRUST_REDIRECTION_DOMAIN'],
        ['BLOCK', 'NXDOMAIN'],
      ],
    ),
    ...differs('blocked names', rules[1]?.domains, ['*']),
    ...differs(
      'allowed names that are too wide',
      rules[0]?.domains.filter((name) => !/^(\*\.)?[\w-]+(\.[\w-]+)+$/.test(name)),
      [],
    ),
    ...differs('failure of DNS Firewall', config, []),
  ];
}

function firewallFaults(template: unknown, { firewalls: count }: Expected): string[] {
  const firewalls = firewallsIn(template);
  const logs = firewallLogsIn(template);
  const kept = ofType(template, 'AWS::Logs::LogGroup')
    .filter(({ properties }) => properties['RetentionInDays'] !== undefined)
    .map(({ id }) => `<${id}>`);
  const placed = ofType(template, 'AWS::NetworkFirewall::Firewall').map(({ properties }) => properties['VpcId']);
  return [
    ...differs(
      'VPCs of the firewalls',
      placed,
      Array.from({ length: count }, () => vpcOf(template)[0]),
    ),
    ...[...firewalls].flatMap(([id, policy]) => [
      ...differs(`stateless default actions of ${id}`, policy.statelessActions, ['aws:forward_to_sfe']),
      ...differs(`fragments at ${id}`, policy.statelessFragmentActions, ['aws:forward_to_sfe']),
      ...differs(`order of the policy of ${id}`, policy.order, 'STRICT_ORDER'),
      ...differs(`streams that ${id} cannot follow`, policy.streamException, 'REJECT'),
      ...differs(`stateful default actions of ${id}`, policy.defaultActions, [
        'aws:drop_established_app_layer_to_server',
        'aws:alert_established_app_layer_to_server',
      ]),
      ...differs(
        `order of the rule groups of ${id}`,
        policy.groups.map(({ order }) => order),
        ['STRICT_ORDER'],
      ),
      ...differs(`$HOME_NET of ${id}`, policy.homeNet, undefined),
      ...differs(
        `logs of ${id}`,
        logs
          .filter(({ firewall }) => firewall.startsWith(`<${id}.`))
          .map(({ logType, destinationType, logGroup }) => [logType, destinationType, kept.includes(logGroup)]),
        [
          ['ALERT', 'CloudWatchLogs', true],
          ['FLOW', 'CloudWatchLogs', true],
        ],
      ),
    ]),
  ];
}

function gatewayFaults(template: unknown, { ports }: Expected): string[] {
  const resolving = dnsRulesIn(template)[0]?.domains ?? [];
  return [...gatewaysIn(template)].flatMap(([id, { filter, getsForeignPackets }]) => [
    ...differs(`ports of ${id}`, filter.ports, ports),
    ...differs(`ports of ${id} for one host`, [...filter.others.keys()], ports.slice(1)),
    ...differs(
      `forwarded names of ${id} that do not resolve`,
      filter.names.filter((name) => !resolving.includes(name)),
      [],
    ),
    ...differs(`packets for other addresses at ${id}`, getsForeignPackets, true),
  ]);
}

/** Returns a statement of an endpoint's policy, for every principal that meets the condition. */
function statement(sid: string, action: string | string[], resource: string | string[], condition?: object) {
  return {
    Action: action,
    ...(condition !== undefined && { Condition: { StringEquals: condition } }),
    Effect: 'Allow',
    Principal: { AWS: '*' },
    Resource: resource,
    Sid: sid,
  };
}

/** Actions that pull an image from ECR. */
export const PULL = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:BatchGetImage',
  'ecr:GetAuthorizationToken',
  'ecr:GetDownloadUrlForLayer',
];
const TASK_START: readonly (readonly [service: string, api: string, actions: string | string[]])[] = [
  ['ecr.api', 'ecr', PULL],
  ['ecr.dkr', 'ecr', PULL],
  ['logs', 'logs', ['logs:CreateLogStream', 'logs:PutLogEvents']],
  ['secretsmanager', 'secretsmanager', 'secretsmanager:GetSecretValue'],
];

function endpointFaults(template: unknown, { taskStartEndpoints, services, buckets }: Expected): string[] {
  const { endpoints, tasks } = networkIn(template);
  const s3 = [
    statement('ImageLayers', 's3:GetObject', `arn:aws:s3:::prod-${FILL.region}-starport-layer-bucket/*`),
    ...(buckets.length === 0
      ? []
      : [
          statement(
            'BucketsAllowedByName',
            's3:*',
            buckets.flatMap((bucket) => [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]),
          ),
        ]),
    ...(services.includes('s3')
      ? [statement('BucketsOfThisAccount', 's3:*', '*', { 'aws:ResourceAccount': FILL.account })]
      : []),
  ];
  const expected: (readonly [string, readonly object[]])[] = [
    ['s3', s3],
    ...(taskStartEndpoints ? TASK_START : []).map(
      ([service, api, actions]) =>
        [
          service,
          [
            statement('TaskStart', services.includes(api) ? `${api}:*` : actions, '*', {
              'aws:PrincipalAccount': FILL.account,
            }),
          ],
        ] as const,
    ),
  ];
  return [
    ...differs(
      'endpoints',
      endpoints.map(({ service }) => service),
      expected.map(([service]) => service),
    ),
    ...endpoints.flatMap(({ service, kind, policy, privateDns, subnets, groups }) => {
      const [, statements] = expected.find(([name]) => name === service) ?? [];
      return [
        ...differs(`policy of the endpoint ${service}`, statementsOf(policy), statements?.map(sorted)),
        ...(kind === 'Interface'
          ? [
              ...differs(`private DNS of the endpoint ${service}`, privateDns, true),
              ...differs(`subnets of the endpoint ${service}`, subnets, tasks.subnets),
              ...differs(`groups of the endpoint ${service}`, groups.length, 1),
            ]
          : []),
      ];
    }),
  ];
}

function statementsOf(policy: unknown): unknown {
  if (policy === undefined) return 'none';
  return z
    .looseObject({ Statement: z.array(z.record(z.string(), z.unknown())) })
    .parse(policy)
    .Statement.map(sorted);
}

const sorted = (value: object) => Object.fromEntries(Object.entries(value).sort(([a], [b]) => a.localeCompare(b)));
