/**
 * Parses the user's settings from the context of `cdk.json`. Returns a typed value, or throws an error with all faults.
 *
 * The settings are the object `agentLauncher` in the context of `cdk.json`. Any other context key is the path of an override,
 * unless it contains a colon (like the CDK's own keys): `-c organization=acme`, `-c pools.0.maxAgents=5`, `-c
 * network.egress=existing-vpc`. Lists and objects are JSON: `-c pools='[{"name":"default","agentTokenSecret":"agent-token"}]'`.
 */
import * as z from 'zod';
import { looksLikeToken, shown } from '../credentials.ts';
import { ALLOW_PLACEHOLDER, credentialFaults, placeholderFaults, variableFaults } from './checks/credentials.ts';
import { imagesKeyFaults } from './checks/encryption.ts';
import { boundaryFaults } from './checks/roles.ts';
import { type DeployTarget, targetFaults } from './checks/target.ts';
import { crossFaults } from './checks.ts';
import { didYouMean, onePerPath, SettingsError, type SettingsFault } from './errors.ts';
import { type Explanation, shapeOf, unwrapped } from './fields.ts';
import { faultOf } from './issues.ts';
import { jsonFault } from './json.ts';
import { foreignOption } from './network.ts';
import { readSettings } from './read.ts';
import { isRecord, valueAt } from './records.ts';
import { type Settings, settingAt, settingsSchema } from './schema.ts';

/** Key of the settings in the context of `cdk.json`. */
export const SETTINGS_KEY = 'agentLauncher';

export type { Settings };

/** Settings of the agents' image. It comes from `registry`, or is built from the other options. */
export type AgentImageSettings = Settings['agentImage'];

export type PoolSettings = Settings['pools'][number];

/**
 * Reads the settings from a CDK context.
 *
 * @param context from `app.node.getAllContext()`
 * @param target account and region of the deployment, as far as they are known
 * @throws {SettingsError} with every fault
 */
export function parseSettings(context: Readonly<Record<string, unknown>>, target: DeployTarget = {}): Settings {
  const misplaced = Object.keys(context).filter((key) => isOverride(key) && key.split('.').includes('__proto__'));
  const given = settingsOf(context, misplaced);
  const { data, value, issues } = readSettings(given);
  const faults = inOrder([
    ...credentialFaults(given),
    ...crossFaults(value, target),
    ...variableFaults(given),
    ...targetFaults(value, target),
    ...placeholderFaults(value, context[ALLOW_PLACEHOLDER]),
    ...imagesKeyFaults(value),
    ...boundaryFaults(context, value.roles?.permissionsBoundary),
    ...issues.flatMap((issue) => faultsOf(issue, given)),
    ...misplaced.map((key) => unknownKey(key.split('.'), given)),
  ]);
  if (data === undefined || faults.length > 0) throw new SettingsError(faults);
  return data;
}

/** Whether a context key is the path of a setting. The CDK's own keys contain a colon. */
function isOverride(key: string): boolean {
  return key !== SETTINGS_KEY && !key.includes(':');
}

/**
 * Applies the overrides to the settings object, without checks.
 *
 * @param misplaced overrides whose path would reach an object's prototype
 */
function settingsOf(context: Readonly<Record<string, unknown>>, misplaced: readonly string[]): unknown {
  const base = context[SETTINGS_KEY] ?? {};
  const settings: unknown = structuredClone(typeof base === 'string' ? fromJson(base) : base);
  for (const [key, value] of Object.entries(context)) {
    if (!isOverride(key) || misplaced.includes(key)) continue;
    applyAt(settings, key.split('.'), override(key.split('.'), value));
  }
  return settings;
}

/** `-c` passes strings. For a setting that isn't a string, the value is parsed as JSON. */
function override(path: readonly string[], value: unknown): unknown {
  const { schema } = settingAt(path);
  const isText = schema instanceof z.ZodString || schema instanceof z.ZodEnum;
  return typeof value === 'string' && !isText ? fromJson(value) : value;
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function applyAt(target: unknown, path: readonly string[], value: unknown): void {
  const [key, next, ...rest] = path;
  if (key === undefined || typeof target !== 'object' || target === null) return;
  if (next === undefined) {
    Reflect.set(target, key, value);
    return;
  }
  const inner: unknown = Object.hasOwn(target, key) ? Reflect.get(target, key) : undefined;
  if (typeof inner !== 'object' || inner === null) Reflect.set(target, key, /^\d+$/.test(next) ? [] : {});
  applyAt(Reflect.get(target, key), [next, ...rest], value);
}

function faultsOf(issue: z.core.$ZodIssue, given: unknown): SettingsFault[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...issue.path, key], given));
  const path = inWords(issue.path);
  const fault = faultOf(
    issue,
    given,
    ({ value, doc }) => remedy(path, value, doc?.remedy),
    ({ value, schema }) => otherForm(path, value, schema),
  );
  return [{ ...fault, path }];
}

function remedy(path: string, value: unknown, documented: string | undefined): string {
  if (looksLikeToken(value)) {
    return 'store the token in a secret of Secrets Manager and set the name of that secret here. Revoke this token if anyone else may have seen it';
  }
  if (documented !== undefined) return documented;
  return `${value === undefined ? 'set it' : 'correct it'} in cdk.json under "${SETTINGS_KEY}", or pass -c ${path}=…`;
}

/** What to write if the value has a different type than the setting; `undefined` in other cases. */
function otherForm(path: string, value: unknown, schema: z.core.$ZodType | undefined): Explanation | undefined {
  if (typeof value === 'string' && schema instanceof z.ZodEnum) {
    const meant = synonymOf(value) ?? didYouMean(value, schema.options.map(String));
    return meant === undefined ? undefined : { remedy: `did you mean ${meant}?` };
  }
  if (schema instanceof z.ZodArray && isRecord(value)) {
    return 'Statement' in value
      ? { remedy: `use only the list under "Statement": ${path} is [{"Effect": …}]` }
      : { remedy: `write it as a list, with [ and ] around the object: ${shown([value])}` };
  }
  if (value === undefined || value === null || typeof value === 'object') return undefined;
  if (schema instanceof z.ZodRecord && typeof value === 'string' && /^[^\s={[]+=/.test(value)) {
    return { remedy: `write it as an object; with -c by its name: -c ${path}.${value.split('=', 1)[0]}=…` };
  }
  if (isCompound(schema) && typeof value === 'string' && /^\s*[[{]/.test(value)) {
    return {
      given: `${shown(value)}, which isn't JSON${jsonFault(value)}`,
      remedy: `put names and text into double quotes, and the complete value into single quotes: -c ${path}='${exampleOf(schema)}'. The shell removes double quotes that aren't inside single quotes`,
    };
  }
  if (schema instanceof z.ZodArray) {
    // With -c, users often separate values with commas.
    const list = shown(typeof value === 'string' ? value.split(',').map((part) => part.trim()) : [value]);
    if (unwrapped(schema.element) instanceof z.ZodObject) return undefined;
    return { remedy: `write it as a list, ${list}; with -c as JSON: -c ${path}='${list}'` };
  }
  const shape = schema === undefined ? undefined : shapeOf(schema);
  if (shape !== undefined) return { remedy: objectForm(path, value, shape) };
  if (schema instanceof z.ZodString || typeof value !== 'string') return undefined;
  if (schema instanceof z.ZodNumber && /^-?\d+$/.test(value)) return { remedy: `write it without quotes: ${value}` };
  if (!(schema instanceof z.ZodBoolean)) return undefined;
  const word = value.toLowerCase();
  if (['true', 'yes', 'on', '1'].includes(word)) return { remedy: 'write true, without quotes' };
  return ['false', 'no', 'off', '0'].includes(word) ? { remedy: 'write false, without quotes' } : undefined;
}

const isCompound = (schema: z.core.$ZodType | undefined) =>
  schema instanceof z.ZodArray ||
  schema instanceof z.ZodRecord ||
  (schema !== undefined && shapeOf(schema) !== undefined);

function exampleOf(schema: z.core.$ZodType | undefined): string {
  if (!(schema instanceof z.ZodArray)) return '{"name":"value"}';
  return unwrapped(schema.element) instanceof z.ZodObject ? '[{"name":"value"}]' : '["value"]';
}

/** Names of CPU architectures in other tools. */
const SYNONYMS: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  x64: 'x86_64',
  'x86-64': 'x86_64',
  aarch64: 'arm64',
};

function synonymOf(value: string): string | undefined {
  const word = value.toLowerCase();
  return Object.hasOwn(SYNONYMS, word) ? SYNONYMS[word] : undefined;
}

function objectForm(path: string, value: unknown, shape: Readonly<Record<string, z.core.$ZodType>>): string {
  const parts = Object.entries(shape);
  const chosen = parts.find(([, part]) => isChoice(unwrapped(part), value))?.[0];
  return chosen === undefined
    ? `write it as an object; with -c as JSON, or by its parts: -c ${path}.${parts[0]?.[0]}=…`
    : `write it as an object, ${shown({ [chosen]: value })}; with -c by its part: -c ${path}.${chosen}=${value}`;
}

function isChoice(schema: z.core.$ZodType, value: unknown): boolean {
  return schema instanceof z.ZodEnum && schema.safeParse(value).success;
}

/** The fault of `capacity` as a setting of a pool. Only plans can have it. */
const POOL_CAPACITY = {
  allowed: 'capacity only for plans, as phases.plan.capacity',
  remedy:
    'set "phases": {"plan": {"capacity": "spot"}}: AWS interrupts Spot tasks with two minutes’ notice, and an interrupted apply leaves infrastructure and state partly changed',
};

function unknownKey(path: readonly PropertyKey[], given: unknown): SettingsFault {
  if (/^pools\.\d+\.capacity$/.test(path.join('.'))) {
    return { path: inWords(path), given: shown(valueAt(given, path)), ...POOL_CAPACITY };
  }
  const foreign =
    path.length === 2 && path[0] === 'network'
      ? foreignOption(String(path[1]), valueAt(given, ['network']))
      : undefined;
  if (foreign !== undefined) return { path: inWords(path), ...foreign };
  const parent = settingAt(path.slice(0, -1)).schema ?? settingsSchema;
  const known = Object.keys(shapeOf(parent) ?? {});
  const meant = didYouMean(String(path.at(-1)), known);
  return {
    path: inWords(path),
    given: shown(valueAt(given, path)),
    allowed: known.join(', '),
    remedy: meant === undefined ? 'there is no such setting: remove it' : `did you mean ${meant}?`,
  };
}

function inWords(path: readonly PropertyKey[]): string {
  return path.length === 0 ? SETTINGS_KEY : path.map(String).join('.');
}

/** Sorts the faults in the order of the settings' definition, and keeps one fault per path. */
function inOrder(faults: readonly SettingsFault[]): SettingsFault[] {
  const names = Object.keys(settingsSchema.shape);
  const rank = ({ path }: SettingsFault): number => {
    const [name = '', index] = path.split('.');
    const place = names.indexOf(name);
    return (place === -1 ? names.length : place) + (name === 'pools' ? (Number(index) || 0) / 1000 : 0);
  };
  return onePerPath(faults).sort((a, b) => rank(a) - rank(b));
}
