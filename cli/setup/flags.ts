/** The flags of `setup`, and what all its parts share. */
import type { Capacity } from '../../functions/launcher/contract.ts';
import type { EgressMode } from '../../lib/network/egress.ts';
import type { Context } from '../context.ts';
import { faultInASentence } from '../core/setup/faults.ts';
import { type PresentSettings, poolsIn, settingFault, valueFaults } from '../core/setup/settings.ts';
import { CommandError, UsageError } from '../io.ts';
import type { Questions } from './questions.ts';
import type { TokenInput } from './tokens.ts';

/** The flags of `setup`. */
export interface SetupFlags {
  readonly settings: string;
  readonly stack?: string;
  readonly hostname?: string;
  readonly organization?: string;
  readonly tokenStdin?: boolean;
  readonly pool?: string;
  readonly project?: readonly string[];
  readonly allProjects?: boolean;
  readonly agentTokenSecret?: string;
  readonly agentToken?: 'create' | 'keep' | 'stdin' | 'env';
  readonly apiTokenSecret?: string;
  readonly apiToken?: 'same' | 'keep' | 'stdin' | 'env';
  readonly network?: EgressMode;
  readonly vpcId?: string;
  readonly subnetIds?: readonly string[];
  readonly awsServices?: readonly string[];
  readonly cpu?: number;
  readonly memory?: number;
  readonly maxAgents?: number;
  readonly phases?: boolean;
  readonly planCpu?: number;
  readonly planMemory?: number;
  readonly planCapacity?: Capacity;
  readonly applyCpu?: number;
  readonly applyMemory?: number;
  readonly alarmEmail?: string;
  readonly image?: string;
  readonly agentVersion?: string;
  readonly offline?: boolean;
  readonly dryRun?: boolean;
  readonly nonInteractive?: boolean;
  readonly yes?: boolean;
}

/** Secret of the API token, unless the settings or a flag have another one. */
export const API_TOKEN_SECRET = 'agent-launcher/api-token';

/** What all parts of `setup` share. */
export interface SetupSession {
  readonly context: Context;
  readonly flags: SetupFlags;
  readonly input: TokenInput;
  /** Absent if nobody can be asked. */
  readonly questions: Questions | undefined;
  readonly present: PresentSettings;
  readonly hostname: string;
}

/** Flags that say what to change. */
const CHANGES: ReadonlySet<string> = new Set([
  ...['pool', 'project', 'allProjects', 'agentTokenSecret', 'agentToken', 'apiTokenSecret', 'apiToken'],
  ...['network', 'vpcId', 'subnetIds', 'awsServices', 'cpu', 'memory', 'maxAgents', 'phases', 'image', 'agentVersion'],
  ...['planCpu', 'planMemory', 'planCapacity', 'applyCpu', 'applyMemory'],
  'alarmEmail',
]);

/** Whether a flag says what to change, so that nothing needs to be asked. */
export function hasChange(flags: SetupFlags): boolean {
  return Object.keys(flags).some((name) => CHANGES.has(name));
}

/** The values of options that alone decide whether they are allowed, by the setting that they write. */
const VALUES: readonly (readonly [path: string, flag: keyof SetupFlags])[] = [
  ['stackName', 'stack'],
  ['hostname', 'hostname'],
  ['apiTokenSecret', 'apiTokenSecret'],
  ['pools.0.name', 'pool'],
  ['pools.0.agentTokenSecret', 'agentTokenSecret'],
  ['pools.0.maxAgents', 'maxAgents'],
  ['pools.0.cpu', 'cpu'],
  ['pools.0.memoryMiB', 'memory'],
  ['alarmEmail', 'alarmEmail'],
];

/** Checks what can be checked before the first question. @throws UsageError with every fault */
export function checkFlagValues(flags: SetupFlags, present: PresentSettings): void {
  const values = Object.fromEntries(
    VALUES.flatMap(([path, flag]) => (flags[flag] === undefined ? [] : [[path, flags[flag]]])),
  );
  const pools = poolsIn(present);
  const { cpu, memoryMiB } = pools.find(({ name }) => name === flags.pool) ?? pools[0] ?? {};
  // A size is allowed or not together with the other one, which the pool may have already.
  const sizes = definedOf({ 'pools.0.cpu': cpu, 'pools.0.memoryMiB': memoryMiB });
  const faults = valueFaults({ ...sizes, ...values }).filter(({ path }) => Object.hasOwn(values, path));
  if (faults.length > 0) throw new UsageError(faults.map((fault) => faultInASentence(fault)).join('\n'));
}

/**
 * Checks the value of a setting before it is used.
 *
 * @param given the value of the option
 * @param present the value in the settings file, if the option is absent
 * @throws UsageError if the value of the option isn't allowed, CommandError if the one of the file isn't
 */
export function checkSetting(
  path: string,
  given: string | undefined,
  present?: { readonly value: string | undefined; readonly file: string },
): void {
  const value = given ?? present?.value;
  const fault = value === undefined ? undefined : settingFault(path, value);
  if (fault === undefined) return;
  if (given !== undefined) throw new UsageError(faultInASentence(fault));
  throw new CommandError(faultInASentence(fault, present?.file));
}

export function textIn({ settings }: PresentSettings, key: string): string | undefined {
  return textOf(settings[key]);
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export type Defined<T> = { readonly [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Without the properties that are `undefined`. */
export function definedOf<T extends object>(given: T): Defined<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>;
}
