/** Which settings the release template carries, and why it doesn't carry the others. */
import { SETTINGS_OF_PARAMETERS } from './parameters.ts';

export type Coverage =
  /** Parameters of the template. */
  | { readonly by: 'parameters'; readonly names: readonly string[] }
  /** A property of the CloudFormation stack itself. */
  | { readonly by: 'stack'; readonly what: string }
  /** Only a synthesis from the settings can carry it. */
  | { readonly by: 'synthesis'; readonly reason: string };

const ONE_POOL = 'The template has one pool. Deploy one stack per pool, or synthesize.';
const MORE_VARIANTS =
  'It adds or removes resources of the network. Each such option would double the number of variants in the template.';
const BUILT = 'The template builds no image, because nothing runs Docker. Agents run an image of a registry.';
const WARM = 'The template can neither calculate their price, which is an output, nor check them against `MaxAgents`.';
const LANES = 'Plans and applies have their own task definitions, roles and sizes, which would double the template.';
const LOGS =
  'CloudFormation allows no parameter in a deletion policy, and an export adds a resource for every log group.';
const KEYS =
  'Each key adds permissions to several roles and properties to several resources, so the template would double.';
const ROLE_NAMES = 'The names of roles contain a hash of other settings, which a template can’t calculate.';
const API_NAMES =
  'A template can’t create the hostnames from services and regions. List the hostnames in `AllowedDomains`.';

const NO_GATEWAYS =
  'The template has no gateways: what they forward is made from the domains, which a template can’t do.';

const PROXY =
  'The function of the template runs outside your network, where it needs no proxy. For a function behind a proxy, synthesize.';

const STACK: Readonly<Record<string, string>> = {
  stackName: 'the name of the stack: up to 48 letters, digits and `-`',
  tags: 'the tags of the stack, which CloudFormation copies to its resources',
  terminationProtection: 'the termination protection of the stack',
};

const FIPS =
  'It adds hostnames and variables to several resources, and CloudFormation allows no condition in a list of domains that is a parameter.';

/** Reasons, by the path of a setting or of an object that contains it. */
const REASONS: Readonly<Record<string, string>> = {
  fips: FIPS,
  pools: ONE_POOL,
  'pools[].organization': ONE_POOL,
  'pools[].apiTokenSecret': ONE_POOL,
  'pools[].logRetentionDays': 'The template has one pool, whose log has the retention of `LogRetentionDays`.',
  'pools[].image': 'The template has one pool, whose image the parameters set.',
  'pools[].environment':
    'A parameter can’t be a list of any variables. Set the variables in the workspaces or in the image.',
  'pools[].taskRoleArn':
    'With it, the stack creates no role, so the template would need variants of everything that refers to the role.',
  'pools[].taskRoleStatements':
    'A parameter can’t be a policy. Attach a policy to the role in the output `TaskRoleName`.',
  'pools[].phases': LANES,
  'pools[].foreignAgents':
    'The alarm of the template always reports agents that the stack does not start. If there are such agents on purpose, turn off the actions of the alarm.',
  'pools[].maxJobHours':
    'The parameter would be inside the JSON of a variable, and an empty one would have to leave it out. Synthesize, or cancel such runs by hand.',
  'pools[].warmAgents': WARM,
  'pools[].sweepMinutes': WARM,
  'pools[].standbySeconds': 'A pool with two launchers needs two settings files that fit together. Synthesize both.',
  agentImage: 'The parameters contain the settings inside.',
  'agentImage.version': BUILT,
  'agentImage.source': BUILT,
  'agentImage.digest': BUILT,
  'agentImage.base': BUILT,
  'agentImage.hideAgent': BUILT,
  network:
    'The parameters contain the settings inside. The modes `network-firewall` and `on-demand` are missing: their rules are made from the domains, which a template can’t do.',
  'network.allowedPresets': API_NAMES,
  'network.awsApiServices': API_NAMES,
  'network.awsApiRegions': API_NAMES,
  'network.guardDuty': MORE_VARIANTS,
  'network.vpcEndpoints': MORE_VARIANTS,
  'network.ipv6': MORE_VARIANTS,
  'network.flowLogRetentionDays': MORE_VARIANTS,
  'network.dnsQueryLogRetentionDays': MORE_VARIANTS,
  'network.firewallLogRetentionDays': 'The template has no network firewall.',
  ...Object.fromEntries(
    [
      'gateways',
      'gatewayInstanceType',
      'gatewayIdleMinutes',
      'gatewayStart',
      'gatewayMaxAgeDays',
      'fixedAddress',
      'gatewaySessionManager',
      'gatewayLogRetentionDays',
    ].map((name) => [`network.${name}`, NO_GATEWAYS]),
  ),
  'network.availabilityZones':
    'The names of the resources contain the zones, so that a change creates a new VPC before it deletes the old one.',
  'network.cidr':
    'The names of the resources contain the range, so that a change creates a new VPC before it deletes the old one.',
  'network.elasticIpAllocationIds': MORE_VARIANTS,
  'network.otherCidrs': 'The range of the VPC is always 10.90.0.0/20.',
  launcher: 'The settings inside are options of a synthesis.',
  'launcher.vpc': MORE_VARIANTS,
  'network.launcherSubnetIds': MORE_VARIANTS,
  'network.launcherSecurityGroupIds': MORE_VARIANTS,
  'launcher.codeSigningConfigArn':
    'The template’s ZIP files are not signed by your profile. Sign them in your bucket, and synthesize.',
  'launcher.httpsProxy': PROXY,
  'launcher.noProxy': PROXY,
  'launcher.httpsProxyCredentialsSecret': PROXY,
  'launcher.architecture': 'The functions run on arm64. For x86_64, synthesize.',
  caCertificates: 'See the settings inside.',
  'caCertificates.secret':
    'An optional secret adds a permission, which would double the number of variants in the template.',
  'caCertificates.file': 'A parameter can’t be a file. Synthesize.',
  nudge: 'The parameters contain the settings inside.',
  agentTokenRotation:
    'It adds a function, which would double the variants in the template. Rotate with the command `agent-launcher rotate`, or synthesize.',
  apiTokenExpiryDays: 'The alarm of the template fires 14 days before the expiry. For other days, synthesize.',
  oldestTaskHours:
    'The alarm of the template fires after 24 hours. Each further choice would add variants of the alarm and the dashboard.',
  logs: LOGS,
  encryption: KEYS,
  roles: 'The parameter `PermissionsBoundary` contains the boundary.',
  'roles.namePrefix': ROLE_NAMES,
  'roles.path': ROLE_NAMES,
};

/**
 * How the release template carries a setting.
 *
 * @param path as in docs/settings.md, such as `pools[].cpu`
 * @returns `undefined` if nothing is known about the setting
 */
export function coverageOf(path: string): Coverage | undefined {
  const names = SETTINGS_OF_PARAMETERS.get(path);
  if (names !== undefined) return { by: 'parameters', names };
  const what = STACK[path];
  if (what !== undefined) return { by: 'stack', what };
  const reason = REASONS[path] ?? REASONS[containerIn(path) ?? ''];
  return reason === undefined ? undefined : { by: 'synthesis', reason };
}

/** Objects whose reason applies to every setting in them. */
const WHOLE_OBJECTS = ['pools[].phases', 'pools[].warmAgents', 'agentTokenRotation', 'logs', 'encryption'];

function containerIn(path: string): string | undefined {
  return WHOLE_OBJECTS.find((object) => path.startsWith(`${object}.`));
}

/** The paths in this file, to find those of settings that no longer exist. */
export const COVERED_PATHS: readonly string[] = [
  ...SETTINGS_OF_PARAMETERS.keys(),
  ...Object.keys(STACK),
  ...Object.keys(REASONS),
];
