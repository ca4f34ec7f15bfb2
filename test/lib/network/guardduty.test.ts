/** GuardDuty's sidecar in every egress mode: it reaches what it needs, and nothing changes if the setting is off. */
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import { describe, expect, it } from 'vitest';
import { GUARDDUTY_ACCOUNTS, guardDutyRegionFault } from '../../../lib/aws/guardduty.ts';
import { grantGuardDutyPull, guardDutyAccount } from '../../../lib/network/guardduty.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { faultsOf } from '../settings-faults.ts';
import { EXISTING_VPC as existing, LEAST, onePool, stackIn, templateOf } from '../synthesis.ts';
import { networkIn } from './reachability/network-model.ts';
import { each } from './reachability/template-changes.ts';
import { FILL, resourcesIn } from './reachability/template-values.ts';
import { follow, type Packet } from './reachability/walk.ts';

const EU_CENTRAL_1 = '323658145986';
const registry = { agentImage: { registry: 'ghcr.io/acme/agent:1', copy: false } };

function tls(host: string, action: string, resource = '*', resourceAccount = EU_CENTRAL_1): Packet {
  const name = `${host}.eu-central-1.amazonaws.com`;
  const call = { action, resource, principalAccount: FILL.account, resourceAccount };
  return { protocol: 'tcp', port: 443, to: 'internet', family: 4, name, serverName: name, call };
}
const LAYERS = 'prod-eu-central-1-starport-layer-bucket';
const PULL = tls(`${EU_CENTRAL_1}.dkr.ecr`, 'ecr:BatchGetImage');
const DATA = tls('guardduty-data', 'guardduty:SendSecurityTelemetry');
const NEEDED: readonly Packet[] = [
  tls('api.ecr', 'ecr:GetAuthorizationToken'),
  PULL,
  { ...tls(`${LAYERS}.s3`, 's3:GetObject', `arn:aws:s3:::${LAYERS}/key`, '999999999999'), to: 's3' },
  DATA,
];

function arrivals(template: unknown, packets: readonly Packet[] = NEEDED) {
  const model = networkIn(template);
  return model.tasks.subnets.flatMap((subnet) => packets.map((packet) => follow(model, subnet, packet)));
}

const withGuardDuty = (network: object) => templateOf({ network: { ...network, guardDuty: true } }).toJSON();

const MODES = [
  { egress: 'nat-gateway' },
  { egress: 'nat-gateway', vpcEndpoints: 'task-start', ipv6: true },
  { egress: 'network-firewall' },
  { egress: 'network-firewall', natGateways: 'all', vpcEndpoints: 'task-start' },
  { egress: 'public-ip' },
];

describe.each(MODES.map((network) => [JSON.stringify(network), network] as const))('with %s', (_, network) => {
  it("the task reaches the sidecar's image, its layers and GuardDuty, even if no other image is in ECR", () => {
    for (const more of [{}, registry]) {
      const template = templateOf({ ...more, network: { ...network, guardDuty: true } }).toJSON();
      for (const arrival of arrivals(template)) expect(arrival).toMatchObject({ reached: true });
    }
  });

  it("the task reaches neither the sidecar's registry nor GuardDuty without the setting", () => {
    const template = templateOf({ network }).toJSON();
    for (const arrival of arrivals(template, [PULL, DATA])) expect(arrival).toMatchObject({ reached: false });
  });

  it("the task reaches neither the sidecar's registry nor GuardDuty if DNS Firewall does not allow their domains", () => {
    const template = withGuardDuty(network);
    each('AWS::Route53Resolver::FirewallDomainList', (list) => {
      list.Domains = list.Domains.filter((name: unknown) => !/FindInMap|guardduty-data/.test(JSON.stringify(name)));
    })(template['Resources']);
    for (const arrival of arrivals(template, [PULL, DATA])) expect(arrival).toMatchObject({ reached: false });
  });
});

it.each(MODES.filter(({ egress }) => egress === 'network-firewall'))(
  'the task does not reach GuardDuty if the firewall has no rule for it, with %o',
  (network) => {
    const template = withGuardDuty(network);
    each('AWS::NetworkFirewall::RuleGroup', ({ RuleGroup }) => {
      const broken = JSON.stringify(RuleGroup.RulesSource).replaceAll('guardduty-data.', 'guardduty-other.');
      expect(broken).not.toBe(JSON.stringify(RuleGroup.RulesSource));
      RuleGroup.RulesSource = JSON.parse(broken);
    })(template['Resources']);
    for (const arrival of arrivals(template, [DATA])) {
      expect(arrival).toMatchObject({ reached: false, stoppedBy: expect.stringMatching(/^Network Firewall/) });
    }
  },
);

it('the firewall has a rule for GuardDuty, and one for the registry only if the registry has no endpoint', () => {
  const rules = (network: object) => {
    const resources = resourcesIn(withGuardDuty({ egress: 'network-firewall', ...network }));
    return JSON.stringify(resources.find(({ type }) => type === 'AWS::NetworkFirewall::RuleGroup')?.properties);
  };
  const [open, closed] = [rules({}), rules({ vpcEndpoints: 'task-start' })];
  for (const text of [open, closed]) expect(text).toContain('guardduty-data.eu-central-1.amazonaws.com');
  expect(open).toContain(`${EU_CENTRAL_1}.dkr.ecr.eu-central-1.amazonaws.com`);
  expect(closed).not.toContain('.dkr.ecr.');
});

it('guardDuty: false adds nothing to a template', () => {
  for (const network of [...MODES, existing, { ...existing, dnsFirewall: true }]) {
    const off = templateOf({ network: { ...network, guardDuty: false } }).toJSON();
    expect(off).toEqual(templateOf({ network }).toJSON());
    expect(JSON.stringify(off)).not.toMatch(/guardduty/i);
    expect(off['Mappings']).toBeUndefined();
  }
});

describe('the execution role', () => {
  it.each([
    ['the VPC of the stack', { egress: 'nat-gateway' }],
    ['an existing VPC', existing],
  ])("of each pool may pull only the sidecar's image from GuardDuty's account, in %s", (_, network) => {
    const pools = ['one', 'two'].map((name) => ({ name, agentTokenSecret: `acme/${name}` }));
    const template = templateOf({ pools, network: { ...network, guardDuty: true } }).toJSON();
    const policies = resourcesIn(template).filter(
      ({ id, type }) => type === 'AWS::IAM::Policy' && id.includes('ExecutionRole'),
    );
    expect(policies).toHaveLength(2);
    for (const { properties } of policies) {
      const document = JSON.stringify(properties['PolicyDocument']);
      expect(document).toContain(
        JSON.stringify({
          Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
          Effect: 'Allow',
          Resource: `arn:aws:ecr:eu-central-1:${EU_CENTRAL_1}:repository/aws-guardduty-agent-fargate`,
          Sid: 'GuardDutySidecar',
        }),
      );
      expect(document.split(EU_CENTRAL_1)).toHaveLength(2);
      expect(document.split('ecr:GetAuthorizationToken')).toHaveLength(2);
    }
  });

  it('may log in to ECR even if the image is in another registry', () => {
    templateOf({ ...registry, network: { guardDuty: true } }).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([{ Action: 'ecr:GetAuthorizationToken', Effect: 'Allow', Resource: '*' }]),
      },
    });
  });
});

describe('a stack whose region is known only at deployment', () => {
  const template = withGuardDuty({});

  it("has one mapping with AWS's account in each region", () => {
    expect(template['Mappings']).toEqual({
      GuardDutyAccounts: Object.fromEntries(
        Object.entries(GUARDDUTY_ACCOUNTS).map(([region, Account]) => [region, { Account }]),
      ),
    });
    for (const account of Object.values(GUARDDUTY_ACCOUNTS)) expect(account).toMatch(/^\d{12}$/);
    expect(new Set(Object.values(GUARDDUTY_ACCOUNTS)).size).toBe(Object.keys(GUARDDUTY_ACCOUNTS).length);
  });

  it('is refused if AWS does not list the region, and the message names the setting', () => {
    const [assertion] = template['Rules'].GuardDutyRegion.Assertions;
    expect(assertion.Assert).toEqual({ 'Fn::Contains': [Object.keys(GUARDDUTY_ACCOUNTS), { Ref: 'AWS::Region' }] });
    expect(assertion.AssertDescription).toContain('network.guardDuty');
  });
});

describe('a stack with a region', () => {
  it('has the account in plain text, and no mapping', () => {
    const stack = stackIn('me-central-1');
    expect(guardDutyAccount(stack)).toBe('000014521398');
    const role = new iam.Role(stack, 'Role', { assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com') });
    grantGuardDutyPull(stack, role);
    const template = Template.fromStack(stack).toJSON();
    expect(template['Mappings']).toBeUndefined();
    expect(JSON.stringify(template)).toContain(':ecr:me-central-1:000014521398:repository/aws-guardduty-agent-fargate');
  });

  it.each(['cn-north-1', 'toString'])('is refused in %s, which AWS does not list', (region) => {
    expect(() => guardDutyAccount(stackIn(region))).toThrow(/doesn't include the region .*network\.guardDuty/);
    expect(guardDutyRegionFault(region)?.remedy).toContain('aws/guardduty.ts');
  });
});

describe('the setting', () => {
  const read = (region: string | undefined, network: object) =>
    parseSettings({ agentLauncher: { ...LEAST, network } }, { account: FILL.account, region });

  it('is refused for a deployment to a region that AWS does not list', () => {
    expect(() => read('cn-north-1', { guardDuty: true })).toThrow(
      /network\.guardDuty\n\s+given:\s+true, while the stack is deployed to cn-north-1/,
    );
  });

  it('can be on in a listed region or an unknown one, and off in every region', () => {
    expect(read('eu-central-1', { guardDuty: true }).network.guardDuty).toBe(true);
    expect(read(undefined, { ...existing, guardDuty: true }).network.guardDuty).toBe(true);
    expect(read('cn-north-1', {}).network.guardDuty).toBe(false);
  });

  it("counts the address that GuardDuty's endpoint takes in each subnet", () => {
    const with251 = (more: object) =>
      faultsOf({ ...onePool({ maxAgents: 251 }), network: { cidr: '10.90.0.0/22', ...more } });
    expect(with251({})).toEqual([]);
    expect(JSON.stringify(with251({ guardDuty: true }))).toContain(
      'addresses for 250 agents, but all pools together can have 251 agents',
    );
  });
});
