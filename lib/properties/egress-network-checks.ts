/**
 * The properties of `EgressNetwork`, judged by the rules of the network settings.
 *
 * The properties are written as settings first, as in `properties/agent-launcher-checks.ts`. Each fault is then reported at its property. The
 * settings have defaults where the types of the construct require a value, so required properties are checked here. Values
 * that CloudFormation fills in can't be judged.
 */

import { Token } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { shown } from '../credentials.ts';
import type { AllowedNamesInput } from '../network/allowed-domains.ts';
import { networkFaults } from '../settings/checks/network.ts';
import { didYouMean, type SettingsFault } from '../settings/errors.ts';
import { networkSettings } from '../settings/network.ts';
import { isRecord, valueAt } from '../settings/records.ts';
import { settingAt, settingsSchema } from '../settings/schema.ts';
import type { EgressNetworkProps, OwnEgress } from './egress-network.ts';
import { type Counterpart, type Given, refuse, type Table, unknownFaults } from './faults.ts';

type KeysOf<Union> = Union extends unknown ? keyof Union : never;

const EGRESS: Readonly<Record<KeysOf<OwnEgress>, Counterpart>> = {
  mode: { setting: 'egress' },
  natGateways: {},
  vpcEndpoints: {},
  ipv6: {},
  dnsFirewall: {},
  firewallLogRetention: { setting: 'firewallLogRetentionDays' },
};
const ALLOWED: Table<AllowedNamesInput> = {
  hostname: {},
  allowedDomains: {},
  allowedPresets: {},
  awsApiServices: {},
  awsApiRegions: {},
};
const NETWORK: Table<EgressNetworkProps> = {
  cidr: {},
  availabilityZones: {},
  egress: { inside: EGRESS },
  allowed: { inside: ALLOWED },
  images: {},
  flowLogRetention: { setting: 'flowLogRetentionDays' },
  dnsQueryLogRetention: { setting: 'dnsQueryLogRetentionDays' },
  guardDuty: {},
};

/** Options of each mode. They have no default. */
const REQUIRED: Readonly<Record<OwnEgress['mode'], readonly KeysOf<OwnEgress>[]>> = {
  'nat-gateway': ['natGateways', 'vpcEndpoints', 'ipv6', 'dnsFirewall'],
  'network-firewall': ['natGateways', 'vpcEndpoints'],
  'public-ip': ['ipv6', 'dnsFirewall'],
};
const OPTIONAL: Readonly<Record<string, readonly KeysOf<OwnEgress>[]>> = {
  'network-firewall': ['firewallLogRetention', 'dnsFirewall'],
};

/** @throws {Error} with every fault of the properties at once: where, given, allowed, to do. */
export function checkNetworkProps(scope: Construct, props: unknown): void {
  const given = isRecord(props) ? props : {};
  const network = asSettings(given);
  const hostname = valueAt(given, ['allowed', 'hostname']);
  const images: readonly unknown[] = Array.isArray(given['images']) ? given['images'] : [];
  const pools = images.map((image) => ({ image: typeof image === 'string' ? image : undefined }));
  const around = {
    hostname: typeof hostname === 'string' ? hostname : undefined,
    pools,
    registry: undefined,
    copy: false,
  };
  const ofSettings = [
    ...schemaFaults(network, hostname),
    ...networkFaults(network, around).map((fault) => ({ ...fault, remedy: remedyOf(fault) })),
  ];
  const faults = [
    ...unknownFaults(given, NETWORK, []),
    ...shapeFaults(given),
    ...modeFaults(given['egress']),
    ...ofSettings.map(atProperty),
  ];
  refuse(
    `the network ${scope.node.path}`,
    faults.filter(({ path }) => !Token.isUnresolved(valueAt(given, path.split('.')))),
  );
}

/** The properties as network settings; `hostname` and the images aren't part of these. */
function asSettings(given: Given): Given {
  const { egress, allowed } = given;
  const properties = [
    ...entries(given, NETWORK),
    // Options of an unknown mode can't be judged.
    ...(isRecord(egress) && isMode(egress['mode']) ? entries(egress, EGRESS) : []),
    ...(isRecord(allowed) ? entries(allowed, ALLOWED) : []),
  ];
  return Object.fromEntries(properties.filter(([name]) => name !== 'hostname' && name !== 'images'));
}

function entries(given: Given, table: Readonly<Record<string, Counterpart>>): [string, unknown][] {
  return Object.entries(table).flatMap(([property, { setting = property, inside }]) => {
    const value = given[property];
    // The settings have no retention without an end, and "nothing" there means no log.
    const isInfinite = setting.endsWith('Days') && value === RetentionDays.INFINITE;
    return inside !== undefined || value === undefined || isInfinite ? [] : [[setting, value]];
  });
}

function schemaFaults(network: Given, hostname: unknown): SettingsFault[] {
  const ofNetwork = networkSettings.safeParse(network).error?.issues ?? [];
  const ofHostname =
    hostname === undefined ? [] : (settingsSchema.shape.hostname.safeParse(hostname).error?.issues ?? []);
  return [
    ...ofNetwork.map(({ path }) => ({ path: ['network', ...path], value: valueAt(network, path) })),
    ...ofHostname.map(() => ({ path: ['hostname'], value: hostname })),
  ].map(({ path, value }) => {
    const { doc } = settingAt(path);
    const explained = doc?.explain?.(value);
    return {
      path: path.join('.'),
      given: explained?.given ?? shown(value),
      allowed: explained?.allowed ?? doc?.allowed ?? 'another type',
      remedy: explained?.remedy ?? doc?.remedy ?? 'correct this property',
    };
  });
}

/** Properties that are missing, or of another type than their parts need. */
function shapeFaults({ cidr, egress, allowed, images }: Given): SettingsFault[] {
  const ofCidr =
    cidr === undefined
      ? [
          {
            path: 'cidr',
            given: 'nothing',
            allowed: `${docOf('cidr')}`,
            remedy: "set a range that your other networks don't use",
          },
        ]
      : [];
  const ofEgress =
    egress === undefined || isRecord(egress)
      ? []
      : [
          {
            path: 'egress',
            given: shown(egress),
            allowed: "an object: { mode: 'nat-gateway', … }",
            remedy: 'put the mode and its options into an object, or leave egress out',
          },
        ];
  const ofAllowed =
    allowed === undefined || (isRecord(allowed) && allowed['hostname'] !== undefined)
      ? []
      : [
          {
            path: isRecord(allowed) ? 'allowed.hostname' : 'allowed',
            given: isRecord(allowed) ? 'nothing' : shown(allowed),
            allowed: "an object with the hostname: { hostname: 'app.terraform.io', … }",
            remedy: 'set the hostname of HCP Terraform or Terraform Enterprise, or leave allowed out',
          },
        ];
  const ofImages =
    images === undefined || Array.isArray(images)
      ? (images ?? []).flatMap((image: unknown, index: number) =>
          image === undefined || (typeof image === 'string' && image !== '')
            ? []
            : [
                {
                  path: `images.${index}`,
                  given: shown(image),
                  allowed:
                    'the reference of an image, such as hashicorp/tfc-agent:1.33.0; undefined for an image in ECR of this stack',
                  remedy: 'use the string that you pass to AgentImage.fromReference',
                },
              ],
        )
      : [
          {
            path: 'images',
            given: shown(images),
            allowed: 'a list of references',
            remedy: 'put the reference into a list',
          },
        ];
  return [...ofCidr, ...ofEgress, ...ofAllowed, ...ofImages];
}

function modeFaults(egress: unknown): SettingsFault[] {
  if (!isRecord(egress)) return [];
  const { mode } = egress;
  const modes = Object.keys(REQUIRED);
  if (!isMode(mode)) {
    const meant =
      typeof mode === 'string'
        ? (modes.find((known) => known.startsWith(mode) && mode !== '') ?? didYouMean(mode, modes))
        : undefined;
    const remedy =
      meant === undefined
        ? 'set one of these. For a VPC that you have, use AgentLauncher without EgressNetwork'
        : `did you mean ${meant}?`;
    return [{ path: 'egress.mode', given: shown(mode), allowed: modes.join(', '), remedy }];
  }
  const missing = REQUIRED[mode]
    .filter((option) => egress[option] === undefined)
    .map((option) => ({
      path: `egress.${option}`,
      given: `nothing, with the mode ${mode}`,
      allowed: docOf(option) ?? 'a value',
      remedy: 'set this property: it has no default',
    }));
  const options = [...REQUIRED[mode], ...(OPTIONAL[mode] ?? [])];
  // An option that is turned off fits every mode.
  const foreign = Object.keys(EGRESS)
    .filter(
      (option) =>
        option !== 'mode' &&
        !options.some((own) => own === option) &&
        egress[option] !== undefined &&
        egress[option] !== false &&
        egress[option] !== 'none',
    )
    .map((option) => ({
      path: `egress.${option}`,
      given: `${shown(egress[option])}, with the mode ${mode}`,
      allowed: `with ${mode}: ${options.join(', ')}`,
      remedy: 'leave it out, or use another mode',
    }));
  return [...missing, ...foreign];
}

const isMode = (value: unknown): value is OwnEgress['mode'] =>
  typeof value === 'string' && Object.hasOwn(REQUIRED, value);

const docOf = (setting: string): string | undefined => settingAt(['network', setting]).doc?.allowed;

/** The construct can't open other ports, and the settings suggest another egress mode for that. */
function remedyOf({ path, remedy }: SettingsFault): string {
  const isPort = path.startsWith('pools.') && remedy.includes('existing-vpc');
  return isPort ? 'let the registry listen on 443, or use AgentImage.copyOf, so that tasks pull from ECR' : remedy;
}

/** A fault of a setting, at its property. Its text calls other settings by their properties, too. */
function atProperty(fault: SettingsFault): SettingsFault {
  const inText = (text: string) => text.replaceAll(/\bnetwork\.(\w+)/g, (_, setting: string) => propertyOf(setting));
  const path = fault.path
    .replace(/^pools\.(\d+)\.image$/, 'images.$1')
    .replace(/^(?:network\.)?(\w+)/, (_, setting: string) => propertyOf(setting));
  return { path, given: inText(fault.given), allowed: inText(fault.allowed), remedy: inText(fault.remedy) };
}

function propertyOf(setting: string): string {
  const tables: readonly [string, Readonly<Record<string, Counterpart>>][] = [
    ['egress.', EGRESS],
    ['allowed.', ALLOWED],
    ['', NETWORK],
  ];
  for (const [prefix, table] of tables) {
    const found = Object.entries(table).find(([name, { setting: its = name }]) => its === setting);
    if (found !== undefined) return `${prefix}${found[0]}`;
  }
  return setting;
}
