/** From the settings in a file and what the user wants to the changes of that file. */
import { isDeepStrictEqual } from 'node:util';
import type { Capacity } from '../../../functions/launcher/contract.ts';
import {
  DEFAULT_AGENT_VERSION,
  DEFAULT_CPU,
  DEFAULT_HOSTNAME,
  DEFAULT_MAX_AGENTS,
  DEFAULT_MEMORY_MIB,
} from '../../../lib/defaults.ts';
import type { EgressMode } from '../../../lib/network/egress.ts';
import { placeholderFaults } from '../../../lib/settings/checks/credentials.ts';
import { SettingsError, type SettingsFault } from '../../../lib/settings/errors.ts';
import { chosenOption, shapeOf } from '../../../lib/settings/fields.ts';
import { networkSettings } from '../../../lib/settings/network.ts';
import { parseSettings, SETTINGS_KEY } from '../../../lib/settings/parse.ts';
import { isRecord, valueAt } from '../../../lib/settings/records.ts';
import { settingsSchema } from '../../../lib/settings/schema.ts';
import { changeJson, type JsonChange, type JsonPath, withoutMark } from '../json-text.ts';

/** Name of the stack if the settings have none. */
export const DEFAULT_STACK_NAME = settingsSchema.shape.stackName.parse(undefined);

/** The settings that a file has now. */
export interface PresentSettings {
  readonly text: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly settings: Readonly<Record<string, unknown>>;
  /** The file still has the example's organization, so that nobody uses its settings yet. */
  readonly isExample: boolean;
}

/** What the user wants. Absent values don't change. */
export interface WantedSettings {
  /** Absent: the name in the settings, or the default. */
  readonly stackName?: string;
  readonly hostname: string;
  readonly organization: string;
  readonly apiTokenSecret: string;
  readonly pool: WantedPool;
  readonly network?: WantedNetwork;
  readonly image?: WantedImage;
  /** Replaces the topic in the settings. */
  readonly alarmEmail?: string;
}

export interface WantedPool {
  readonly name: string;
  readonly agentTokenSecret: string;
  readonly maxAgents?: number;
  readonly cpu?: number;
  readonly memoryMiB?: number;
  /** Separate tasks for plans and applies. */
  readonly phases?: boolean;
  /** Overrides for the tasks for plans. Only with `phases`. */
  readonly plan?: WantedPhase & { readonly capacity?: Capacity };
  readonly apply?: WantedPhase;
}

/** Absent values don't change. */
export interface WantedPhase {
  readonly cpu?: number;
  readonly memoryMiB?: number;
}

export interface WantedNetwork {
  readonly egress: EgressMode;
  readonly vpcId?: string;
  readonly subnetIds?: readonly string[];
  /** Services for the preset `aws-apis`, with their region; an empty list removes the preset. */
  readonly awsApis?: { readonly services: readonly string[]; readonly region: string };
}

/** An image that the deployment builds, or one from a registry. */
export type WantedImage =
  | { readonly version: string; readonly digest: string | undefined }
  | { readonly registry: string };

/** A setting that changes, for people. */
export interface SettingChange {
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** @throws SyntaxError if the text isn't JSON, TypeError if it isn't a file of the CDK */
export function presentSettings(text: string): PresentSettings {
  const json: unknown = JSON.parse(withoutMark(text));
  if (!isRecord(json)) throw new TypeError('The file has no JSON object.');
  const context = json['context'] ?? {};
  const settings = isRecord(context) ? (context[SETTINGS_KEY] ?? {}) : undefined;
  if (!isRecord(context) || !isRecord(settings)) {
    throw new TypeError(`"context" and its "${SETTINGS_KEY}" must be JSON objects.`);
  }
  const { organization } = settings;
  const example = typeof organization === 'string' ? [...placeholderFaults({ organization }, undefined)] : [];
  return { text, context, settings, isExample: organization === undefined || example.length > 0 };
}

/** The pools in the settings, as they are. */
export function poolsIn({ settings }: PresentSettings): readonly Readonly<Record<string, unknown>>[] {
  const pools = settings['pools'];
  return Array.isArray(pools) ? pools.filter(isRecord) : [];
}

/** The changes of the file, without those that change nothing. Paths begin at the root of the file. */
export function settingsChanges(present: PresentSettings, wanted: WantedSettings): readonly JsonChange[] {
  const changes: JsonChange[] = [];
  const { settings } = present;
  const change = (path: JsonPath, value: unknown, byDefault?: unknown): void => {
    const now = valueAt(settings, path);
    if (isDeepStrictEqual(now, value) || (now === undefined && isDeepStrictEqual(value, byDefault))) return;
    changes.push({ path: ['context', SETTINGS_KEY, ...path], ...(value !== undefined && { value }) });
  };
  if (wanted.stackName !== undefined) change(['stackName'], wanted.stackName, DEFAULT_STACK_NAME);
  change(['hostname'], wanted.hostname, DEFAULT_HOSTNAME);
  change(['organization'], wanted.organization);
  change(['apiTokenSecret'], wanted.apiTokenSecret);
  changePool(present, wanted.pool, change);
  if (wanted.network !== undefined) changeNetwork(settings, wanted.network, change);
  if (wanted.image !== undefined) changeImage(settings, wanted.image, change);
  if (wanted.alarmEmail !== undefined) {
    change(['alarmTopicArn'], undefined);
    change(['alarmEmail'], wanted.alarmEmail);
  }
  return changes;
}

type Change = (path: JsonPath, value: unknown, byDefault?: unknown) => void;

function changePool(present: PresentSettings, wanted: WantedPool, change: Change): void {
  const pools = poolsIn(present);
  const named = pools.findIndex(({ name }) => name === wanted.name);
  const index = named >= 0 ? named : present.isExample && pools.length === 1 ? 0 : pools.length;
  const { name, agentTokenSecret, maxAgents, cpu, memoryMiB, phases } = wanted;
  if (index === pools.length) {
    // A new pool is written as a whole, so that it becomes one change of the file.
    const pool = {
      name,
      agentTokenSecret,
      ...unlessDefault('maxAgents', maxAgents, undefined),
      ...unlessDefault('cpu', cpu, DEFAULT_CPU),
      ...unlessDefault('memoryMiB', memoryMiB, DEFAULT_MEMORY_MIB),
      ...(phases === true && { phases: phasesOf(wanted) }),
    };
    change(pools.length === 0 ? ['pools'] : ['pools', index], pools.length === 0 ? [pool] : pool);
    return;
  }
  const at = (key: string): JsonPath => ['pools', index, key];
  change(at('name'), name);
  change(at('agentTokenSecret'), agentTokenSecret);
  if (maxAgents !== undefined) change(at('maxAgents'), maxAgents, DEFAULT_MAX_AGENTS);
  if (cpu !== undefined) change(at('cpu'), cpu, DEFAULT_CPU);
  if (memoryMiB !== undefined) change(at('memoryMiB'), memoryMiB, DEFAULT_MEMORY_MIB);
  const now = pools[index]?.['phases'];
  if (phases === false && now !== undefined) change(at('phases'), undefined);
  if (phases !== true) return;
  if (!isRecord(now)) {
    change(at('phases'), phasesOf(wanted));
    return;
  }
  for (const [phase, values] of Object.entries(phasesOf(wanted))) {
    if (!isRecord(now[phase])) change([...at('phases'), phase], values);
    else for (const [key, value] of Object.entries(values)) change([...at('phases'), phase, key], value, DEFAULTS[key]);
  }
}

/** Defaults of the overrides. Absent sizes are those of the pool. */
const DEFAULTS: Readonly<Record<string, unknown>> = { capacity: 'on-demand' };

/** `phases` with what is wanted in it. */
function phasesOf({ plan = {}, apply = {} }: Pick<WantedPool, 'plan' | 'apply'>): Readonly<Record<string, object>> {
  return Object.fromEntries(Object.entries({ plan, apply }).filter(([, values]) => Object.keys(values).length > 0));
}

function unlessDefault(key: string, value: number | undefined, byDefault: number | undefined): object {
  return value === undefined || value === byDefault ? {} : { [key]: value };
}

function changeNetwork(settings: Readonly<Record<string, unknown>>, wanted: WantedNetwork, change: Change): void {
  const { egress, vpcId, subnetIds, awsApis } = wanted;
  const present = isRecord(settings['network']) ? settings['network'] : {};
  const written = { ...(present['egress'] !== undefined || egress !== 'nat-gateway' ? { egress } : {}) };
  const options = shapeOf(chosenOption(networkSettings, { egress }) ?? networkSettings) ?? {};
  for (const key of Object.keys(present)) {
    // Options of the old mode that the new one doesn't have would be faults.
    if (!Object.hasOwn(options, key)) change(['network', key], undefined);
  }
  const values: Record<string, unknown> = {
    ...written,
    ...(egress === 'existing-vpc' && vpcId !== undefined && { vpcId }),
    ...(egress === 'existing-vpc' && subnetIds !== undefined && { subnetIds }),
    ...(awsApis !== undefined && apisOf(present, awsApis)),
  };
  const isNew = settings['network'] === undefined;
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  if (isNew && Object.keys(given).length > 0) change(['network'], given);
  if (!isNew) for (const [key, value] of Object.entries(values)) change(['network', key], value);
}

function apisOf(
  present: Readonly<Record<string, unknown>>,
  { services, region }: NonNullable<WantedNetwork['awsApis']>,
): Readonly<Record<string, unknown>> {
  const given = present['allowedPresets'];
  const others = Array.isArray(given) ? given.filter((preset) => preset !== 'aws-apis') : [];
  const presets = services.length === 0 ? others : [...others, 'aws-apis'];
  if (services.length === 0) {
    return {
      allowedPresets: presets.length === 0 ? undefined : presets,
      awsApiServices: undefined,
      awsApiRegions: undefined,
    };
  }
  const hasPreset = Array.isArray(given) && given.includes('aws-apis');
  return {
    allowedPresets: hasPreset ? given : presets,
    awsApiServices: services,
    awsApiRegions: present['awsApiRegions'] ?? [region],
  };
}

function changeImage(settings: Readonly<Record<string, unknown>>, wanted: WantedImage, change: Change): void {
  const present = isRecord(settings['agentImage']) ? settings['agentImage'] : {};
  const remove = (...keys: readonly string[]): void => {
    for (const key of keys) if (Object.hasOwn(present, key)) change(['agentImage', key], undefined);
  };
  const set = (values: Readonly<Record<string, unknown>>): void => {
    if (settings['agentImage'] === undefined) change(['agentImage'], values);
    else for (const [key, value] of Object.entries(values)) change(['agentImage', key], value);
  };
  if ('registry' in wanted) {
    remove('version', 'source', 'digest', 'base', 'hideAgent');
    set({ registry: wanted.registry });
    return;
  }
  remove('registry', 'copy', 'credentialsSecret');
  const { version, digest } = wanted;
  const hasDigest = digest !== undefined && present['source'] !== 'release';
  // A digest of another version would make the build fail.
  if (!hasDigest && present['version'] !== version) remove('digest');
  if (hasDigest) set({ version, digest });
  else if (version !== DEFAULT_AGENT_VERSION || present['version'] !== undefined) set({ version });
}

/** The text of the file after the changes. */
export function changedText({ text }: PresentSettings, changes: readonly JsonChange[]): string {
  return changeJson(text, changes);
}

/** The changes for people, one per value. */
export function changesInWords(present: PresentSettings, changes: readonly JsonChange[]): readonly SettingChange[] {
  return changes.map(({ path, value }) => ({
    path: path.slice(2).join('.'),
    from: valueAt(present.settings, path.slice(2)),
    to: value,
  }));
}

/** Settings without a fault, in which one value can be tried. */
const FAULTLESS = {
  organization: 'acme',
  apiTokenSecret: 'api-token',
  pools: [{ name: 'pool', agentTokenSecret: 'agent-token' }],
};

/** What is wrong with the value of one setting; `undefined` if it is right. @param path as in `-c`, such as `pools.0.name` */
export function settingFault(path: string, value: string | number): SettingsFault | undefined {
  return valueFaults({ [path]: value })[0];
}

/** What is wrong with values of settings, by their paths. Only with these paths: what a value needs elsewhere isn't checked. */
export function valueFaults(values: Readonly<Record<string, unknown>>): readonly SettingsFault[] {
  try {
    parseSettings({ [SETTINGS_KEY]: structuredClone(FAULTLESS), ...values });
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.faults.filter(({ path }) => Object.hasOwn(values, path));
  }
}
