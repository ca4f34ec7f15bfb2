/** Generates the table of docs/roles.md with the actions that a permissions boundary must allow, from the policies of synthesized stacks. */
import { REGISTRY_IMAGE, statementsOf, templateOf } from '../lib/synthesis.ts';

/** The roles, by the beginning of their logical IDs. */
const ROLES: readonly (readonly [name: string, id: RegExp])[] = [
  ['launcher', /^LauncherRole/],
  ['schedules', /ScheduleRole/],
  ['execution role', /ExecutionRole/],
  ['nudge', /^LauncherNudgeRole/],
  ['token rotation', /^LauncherTokenRotationRole/],
  ['image copies', /^ImageCopiesRole/],
  ['flow logs', /FlowLogIAMRole/],
];

const rotation = { agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation-token' } };
const nudge = { nudge: { hmacKeySecret: 'acme/nudge-key' } };
const secretsKeyArn = 'arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef';

/** Settings with every role. Without the nudge, because it adds permissions to the launcher too. */
const BASE = { ...REGISTRY_IMAGE, ...rotation };

/** Settings that add actions, in the words of the table. */
const OPTIONS: readonly (readonly [words: string, settings: object])[] = [
  ['with `nudge` or `idlePollSeconds` below 60', nudge],
  ['with `launcher.vpc`', { launcher: { vpc: true } }],
  [
    'with `agentImage.credentialsSecret`',
    { agentImage: { ...REGISTRY_IMAGE.agentImage, credentialsSecret: 'acme/login' } },
  ],
  ['with `agentImage.copy` and a built image', { agentImage: { copy: true } }],
  ['with `encryption.secretsKeyArn`', { encryption: { secretsKeyArn } }],
  ['with `encryption.queueKeyArn`', { ...nudge, encryption: { queueKeyArn: secretsKeyArn } }],
];

/** The allowed actions of each role. */
function actionsOf(settings: object): ReadonlyMap<string, ReadonlySet<string>> {
  const statements = statementsOf(templateOf(settings)).filter(({ Effect }) => Effect === 'Allow');
  return new Map(
    ROLES.map(([name, id]) => [
      name,
      new Set(statements.filter(({ role }) => id.test(role)).flatMap(({ Action }) => Action)),
    ]),
  );
}

/** Returns the table. */
export function boundaryTable(): string {
  const [base, withNudge] = [actionsOf(BASE), actionsOf({ ...BASE, ...nudge })];
  const options = OPTIONS.map(([words, settings]) => ({
    words,
    actions: actionsOf({ ...BASE, ...settings }),
    withNudge: actionsOf({ ...BASE, ...nudge, ...settings }),
    // A setting that needs the nudge doesn't repeat what the nudge adds.
    without: settings !== nudge && 'nudge' in settings ? withNudge : base,
  }));
  const rows = ROLES.map(([name]) => {
    // The role of the nudge exists only with the nudge.
    const isNudge = name === 'nudge';
    const extras = options.flatMap(({ words, without, ...of }) => {
      const known = (isNudge ? withNudge : without).get(name);
      const added = [...((isNudge ? of.withNudge : of.actions).get(name) ?? [])].filter((one) => !known?.has(one));
      return added.length === 0 ? [] : [`${words} also ${list(added)}`];
    });
    return `| ${name} | ${[list([...((isNudge ? withNudge : base).get(name) ?? [])]), ...extras].join('; ')} |`;
  });
  return ['| role | actions |', '|---|---|', ...rows].join('\n');
}

function list(actions: readonly string[]): string {
  return actions.map((action) => `\`${action}\``).join(', ');
}
