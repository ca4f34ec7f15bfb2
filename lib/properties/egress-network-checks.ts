/**
 * Checks the properties of `EgressNetwork`. They are network settings, so the schema of the settings parses them and adds
 * defaults. Values that are known only at deployment aren't checked.
 */
import { Token } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { z } from 'zod';
import { shown } from '../credentials.ts';
import type { LogGroupOptions } from '../log-group.ts';
import type { LauncherInNetwork } from '../network/launcher-apis.ts';
import { networkFaults } from '../settings/checks/network.ts';
import { didYouMean, type SettingsFault } from '../settings/errors.ts';
import { RETENTION_DAYS, shapeOf } from '../settings/fields.ts';
import { faultOf } from '../settings/issues.ts';
import { foreignOption, type OwnNetworkSettings, ownNetworkSettings } from '../settings/network.ts';
import { type ReadableNetwork, readWith } from '../settings/read.ts';
import { isRecord, valueAt } from '../settings/records.ts';
import { settingAt, settingsSchema } from '../settings/schema.ts';
import { KINDS } from './constructs.ts';
import { type Given, refuse, unknownFault } from './faults.ts';

/** The valid properties, with defaults. */
export type CheckedNetworkProps = OwnNetworkSettings & {
  readonly hostname: string;
  readonly images: readonly (string | undefined)[];
  readonly fips?: boolean | undefined;
  readonly launcher?: LauncherInNetwork | undefined;
  readonly logs?: LogGroupOptions | undefined;
  readonly gatewayVolumeKey?: IKey | undefined;
};

/** @throws {Error} with all faults of the properties: where, given, allowed, to do */
export function checkNetworkProps(scope: Construct, props: unknown): CheckedNetworkProps {
  const given = isRecord(props) ? props : {};
  const { hostname: givenHostname, images = [undefined], fips, launcher, logs, gatewayVolumeKey, ...options } = given;
  const { data: hostname = givenHostname, error } = settingsSchema.shape.hostname.safeParse(givenHostname);
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  // The settings have no infinite retention, so the checks get the longest finite one instead.
  const infinite = entries.filter(([key, value]) => key.endsWith('RetentionDays') && value === RetentionDays.INFINITE);
  const network: Given = Object.fromEntries([...entries, ...infinite.map(([key]) => [key, RETENTION_DAYS.at(-1)])]);
  const { value, unchecked, issues } = readWith(ownNetworkSettings, network);
  const pools = (Array.isArray(images) ? images : []).map((image: unknown) => ({
    image: typeof image === 'string' ? image : undefined,
  }));
  const around = {
    hostname: typeof hostname === 'string' ? hostname : undefined,
    fips: fips === true,
    pools,
    registry: undefined,
    copy: false,
    launcher: launcher === undefined ? undefined : { wakeUps: valueAt(launcher, ['wakeUps']) === true },
  };
  const readable: ReadableNetwork = value;
  const faults = [
    ...missingFaults(given),
    ...imageFaults(images),
    ...fipsFaults(fips),
    ...launcherFaults(launcher),
    ...volumeKeyFaults(gatewayVolumeKey),
    ...(error?.issues ?? []).slice(0, 1).map((issue) => schemaFault({ ...issue, path: ['hostname'] }, given)),
    ...issues.flatMap((issue) => faultsOf(issue, network)),
    ...[...(readable.egress === undefined ? [] : networkFaults(readable, around))].map(atProperty),
  ];
  refuse(
    `the network ${scope.node.path}`,
    faults.filter(({ path }) => !Token.isUnresolved(valueAt(given, path.split('.')))),
  );
  // All other faults were reported. So the schema can now refuse only values that are known only at deployment.
  return {
    ...(unchecked as OwnNetworkSettings),
    ...Object.fromEntries(infinite),
    hostname,
    images,
    fips,
    launcher,
    logs,
    gatewayVolumeKey,
  } as CheckedNetworkProps;
}

function faultsOf(issue: z.core.$ZodIssue, network: Given): SettingsFault[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => foreignFault(key, network));
  if (issue.path[0] === 'egress') return [egressFault(network['egress'])];
  return [schemaFault({ ...issue, path: ['network', ...issue.path] }, { network })];
}

function schemaFault(issue: Pick<z.core.$ZodIssue, 'path' | 'code'>, settings: Given): SettingsFault {
  return atProperty(faultOf(issue, settings, ({ doc }) => doc?.remedy ?? 'correct this property'));
}

/**
 * The fault of a property that belongs to a different mode or doesn't exist. Without it, JavaScript would ignore the property.
 */
function foreignFault(key: string, network: Given): SettingsFault {
  const foreign = foreignOption(key, network);
  if (foreign !== undefined && !['vpcId', 'subnetIds', 'securityGroupIds'].includes(key)) {
    return inProperties({ path: key, ...foreign });
  }
  const known = [
    ...Object.keys(shapeOf(ownNetworkSettings) ?? {}),
    'hostname',
    'images',
    'fips',
    'launcher',
    'logs',
    'gatewayVolumeKey',
  ];
  return unknownFault([key], undefined, known);
}

function egressFault(value: unknown): SettingsFault {
  const modes = ownNetworkSettings.options.flatMap(({ shape }) => [...shape.egress._zod.values].map(String));
  const known = modes.filter((mode) => mode !== 'undefined');
  const meant =
    typeof value === 'string' && value !== 'existing-vpc'
      ? (known.find((mode) => mode.startsWith(value) && value !== '') ?? didYouMean(value, known))
      : undefined;
  return {
    path: 'egress',
    given: shown(value),
    allowed: known.join(', '),
    remedy:
      meant === undefined
        ? 'set one of these. For an existing VPC, use AgentLauncher without EgressNetwork'
        : `did you mean ${meant}?`,
  };
}

/**
 * Faults of missing properties. The settings have a default for `cidr`, but the construct doesn't, because an app can have other
 * networks.
 */
function* missingFaults({ cidr }: Given): Iterable<SettingsFault> {
  if (cidr !== undefined) return;
  yield {
    path: 'cidr',
    given: 'nothing',
    allowed: `${settingAt(['network', 'cidr']).doc?.allowed}`,
    remedy: "set a range that your other networks don't use",
  };
}

function* fipsFaults(fips: unknown): Iterable<SettingsFault> {
  if (fips === undefined || typeof fips === 'boolean') return;
  yield { path: 'fips', given: shown(fips), allowed: 'true or false', remedy: 'use true or false, without quotes' };
}

function* imageFaults(images: unknown): Iterable<SettingsFault> {
  if (!Array.isArray(images)) {
    const given = shown(images);
    yield { path: 'images', given, allowed: 'a list of references', remedy: 'put the reference into a list' };
    return;
  }
  for (const [index, image] of images.entries()) {
    if (image === undefined || (typeof image === 'string' && image !== '')) continue;
    yield {
      path: `images.${index}`,
      given: shown(image),
      allowed:
        "an image reference such as hashicorp/tfc-agent:1.33.0; undefined if the image is in the stack's own ECR repository",
      remedy: 'use the string that you pass to AgentImage.fromReference',
    };
  }
}

function* launcherFaults(launcher: unknown): Iterable<SettingsFault> {
  if (launcher === undefined || (isRecord(launcher) && typeof launcher['wakeUps'] === 'boolean')) return;
  yield {
    path: 'launcher',
    given: shown(launcher),
    allowed: '{ wakeUps: true } or { wakeUps: false }',
    remedy:
      'set wakeUps to true if the launcher has idlePoll below 60 s or a nudge; leave launcher out if it is not in the VPC',
  };
}

function* volumeKeyFaults(key: unknown): Iterable<SettingsFault> {
  if (key === undefined || KINDS.key.fits(key)) return;
  const { allowed, remedy } = KINDS.key;
  yield { path: 'gatewayVolumeKey', given: shown(key), allowed, remedy };
}

/** Converts a fault of a setting to a fault of the matching property. */
function atProperty(fault: SettingsFault): SettingsFault {
  const image = /^pools\.(\d+)\.image$/.exec(fault.path)?.[1];
  if (image === undefined) return inProperties({ ...fault, path: fault.path.replace(/^network\./, '') });
  // For a registry on another port, the settings suggest the egress mode existing-vpc, which this construct doesn't have.
  const remedy = fault.remedy.includes('existing-vpc')
    ? 'let the registry listen on 443, or use AgentImage.copyOf, so that tasks pull from ECR'
    : fault.remedy;
  return inProperties({ ...fault, path: `images.${image}`, remedy });
}

/** Replaces names of settings in a fault's texts with names of the construct's properties. */
function inProperties({ path, given, allowed, remedy }: SettingsFault): SettingsFault {
  const inText = (text: string) => text.replaceAll(/\bnetwork\.(\w+)/g, '$1');
  return { path, given: inText(given), allowed: inText(allowed), remedy: inText(remedy) };
}
