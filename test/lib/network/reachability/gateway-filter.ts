/** The gateways of a template, and what the filter of each does with a connection. Everything comes from the user data of the instances. */
import { gunzipSync } from 'node:zlib';
import * as z from 'zod';
import { covers } from '../../../../lib/network/domain-name.ts';
import type { Connection } from './suricata.ts';
import { type Resource, resourcesIn, text } from './template-values.ts';

/** What nginx on a gateway forwards. */
export interface GatewayFilter {
  /** Names that it forwards on port 443. */
  readonly names: readonly string[];
  /** Names that it forwards on another port, by the port. */
  readonly others: ReadonlyMap<number, string>;
  readonly ports: readonly number[];
}

export interface GatewayModel {
  readonly filter: GatewayFilter;
  readonly subnet: string;
  readonly groups: readonly string[];
  /** Whether the interface gets packets for other addresses than its own. */
  readonly getsForeignPackets: boolean;
}

const dataSchema = z.looseObject({
  UserData: z.object({ 'Fn::Base64': z.string() }),
  NetworkInterfaces: z.array(z.looseObject({ NetworkInterfaceId: z.string() })).length(1),
});
const groupsSchema = z.array(z.string());

const idIn = (reference: string): string => /^<([^.>]+)/.exec(reference)?.[1] ?? reference;

/** Returns every gateway, by the logical ID of its network interface. */
export function gatewaysIn(template: unknown): ReadonlyMap<string, GatewayModel> {
  const resources = resourcesIn(template);
  const templates = resources.filter(({ type }) => type === 'AWS::EC2::LaunchTemplate');
  return new Map(
    templates.map(({ properties }) => {
      const { UserData, NetworkInterfaces } = dataSchema.parse(properties['LaunchTemplateData']);
      const id = idIn(NetworkInterfaces[0]?.NetworkInterfaceId ?? '');
      return [id, gatewayIn(resources, id, UserData['Fn::Base64'])];
    }),
  );
}

function gatewayIn(resources: readonly Resource[], id: string, userData: string): GatewayModel {
  const networkInterface = resources.find((each) => each.id === id);
  if (networkInterface === undefined) throw new Error(`${id} is no network interface of the template`);
  return {
    filter: filterIn(userData),
    subnet: idIn(text(networkInterface, 'SubnetId')),
    groups: groupsSchema.parse(networkInterface.properties['GroupSet']).map(idIn),
    getsForeignPackets: networkInterface.properties['SourceDestCheck'] === false,
  };
}

/** Returns the filter in a gateway's user data. @throws if the user data has another form */
export function filterIn(userData: string): GatewayFilter {
  const [, packed = '', plain = ''] =
    /base64 -d <<'END_OF_FILE' \| gunzip >\S+names\.map\n(.*?)END_OF_FILE\ncat >>\S+names\.map <<'END_OF_FILE'\n(.*?)END_OF_FILE/s.exec(
      userData,
    ) ?? [];
  if (packed === '') throw new Error('The user data has no list of names.');
  const lines = `${gunzipSync(Buffer.from(packed, 'base64'))}${plain}`.split('\n').filter((line) => line !== '');
  return {
    names: lines.map((line) => line.split(' ')[0] ?? ''),
    others: new Map(
      [...userData.matchAll(/^ +"(\d+):([^"]+)" \2:\1;$/gm)].map(([, port, name = '']) => [Number(port), name]),
    ),
    ports: [...userData.matchAll(/^ +listen (\d+) /gm)].map(([, port]) => Number(port)),
  };
}

/** The decision of a filter. If it passes the connection, the gateway connects to the host of the server name. */
export function filterVerdict(
  { names, others, ports }: GatewayFilter,
  { port, serverName }: Connection,
): { readonly passes: boolean; readonly by: string } {
  if (!ports.includes(port)) return { passes: false, by: 'no such port' };
  if (serverName === undefined) return { passes: false, by: 'not TLS' };
  const isAllowed =
    serverName !== null &&
    (port === 443 ? names.some((name) => covers(name, serverName)) : others.get(port) === serverName);
  return { passes: isAllowed, by: 'TLS server name not allowed, or none' };
}
