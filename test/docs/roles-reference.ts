/** Generates the table of docs/roles.md with the actions that a permissions boundary must allow, from the policies of synthesized stacks. */
import { REGISTRY_IMAGE, type RoleStatement, statementsOf, templateOf } from '../lib/synthesis.ts';

const rotation = { agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation-token' } };
const nudge = { nudge: { hmacKeySecret: 'acme/nudge-key' } };
const inVpc = { launcher: { vpc: true } };
const onDemand = { network: { egress: 'on-demand' } };
const keyArn = 'arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef';

interface Role {
  readonly name: string;
  /** Matches the logical ID. */
  readonly id: RegExp;
  /** Settings without which the role doesn't exist. */
  readonly needs?: object;
}

const ROLES: readonly Role[] = [
  { name: 'launcher', id: /^LauncherRole/ },
  { name: 'schedules', id: /ScheduleRole/ },
  { name: 'execution role', id: /ExecutionRole/ },
  { name: 'nudge', id: /^LauncherNudgeRole/, needs: nudge },
  { name: 'token rotation', id: /^LauncherTokenRotationRole/ },
  { name: 'gateways', id: /Gateway\dRole/, needs: onDemand },
  { name: 'image copies', id: /^ImageCopiesRole/ },
  { name: 'flow logs', id: /FlowLogIAMRole/ },
  { name: 'gateway removal', id: /GatewaysRemovalRole/, needs: onDemand },
];

/** Settings with every role except the nudge's and the gateways', which add permissions to the launcher too. */
const BASE = { ...REGISTRY_IMAGE, ...rotation };

interface Option {
  /** As in the table. */
  readonly words: string;
  readonly settings: object;
  /** Settings without which this one has no effect. The row doesn't repeat what they add. */
  readonly needs?: object;
}

/** Settings that add actions. */
const OPTIONS: readonly Option[] = [
  { words: 'with `nudge` or `idlePollSeconds` below 60', settings: nudge },
  { words: 'with `launcher.vpc`', settings: inVpc },
  { words: 'with `network.egress: on-demand`', settings: onDemand },
  {
    words: 'with `network.gatewaySessionManager`',
    settings: { network: { ...onDemand.network, gatewaySessionManager: true } },
    needs: onDemand,
  },
  {
    words: 'with `agentImage.credentialsSecret`',
    settings: { agentImage: { ...REGISTRY_IMAGE.agentImage, credentialsSecret: 'acme/login' } },
  },
  { words: 'with `agentImage.copy` and a built image', settings: { agentImage: { copy: true } } },
  { words: 'with `encryption.secretsKeyArn`', settings: { encryption: { secretsKeyArn: keyArn } } },
  { words: 'with `encryption.queueKeyArn`', settings: { encryption: { queueKeyArn: keyArn } }, needs: nudge },
  {
    words: 'with `encryption.gatewayVolumesKeyArn`',
    settings: { encryption: { gatewayVolumesKeyArn: keyArn } },
    needs: onDemand,
  },
];

const known = new Map<string, readonly RoleStatement[]>();

/** The allowed actions of the role. */
function actionsOf({ id, needs }: Role, settings: object): string[] {
  const all = { ...BASE, ...needs, ...settings };
  const key = JSON.stringify(all);
  const statements = known.get(key) ?? statementsOf(templateOf(all)).filter(({ Effect }) => Effect === 'Allow');
  known.set(key, statements);
  return [...new Set(statements.filter(({ role }) => id.test(role)).flatMap(({ Action }) => Action))];
}

/** The actions that the option adds to the role. */
function addedBy({ settings, needs }: Option, role: Role): string[] {
  // Synthesis refuses the combination.
  if (settings === inVpc && role.needs === onDemand) return [];
  const without = new Set(actionsOf(role, needs ?? {}));
  return actionsOf(role, { ...needs, ...settings }).filter((action) => !without.has(action));
}

/** Returns the table. */
export function boundaryTable(): string {
  const rows = ROLES.map((role) => {
    const extras = OPTIONS.flatMap((option) => {
      const added = addedBy(option, role);
      return added.length === 0 ? [] : [`${option.words} also ${list(added)}`];
    });
    return `| ${role.name} | ${[list(actionsOf(role, {})), ...extras].join('; ')} |`;
  });
  return ['| role | actions |', '|---|---|', ...rows].join('\n');
}

function list(actions: readonly string[]): string {
  return actions.map((action) => `\`${action}\``).join(', ');
}
