/**
 * What the gateways of `network.egress: on-demand` refused: the server names that tasks asked for.
 *
 * A job chooses its server names, so a name can be any text. {@link refusalsIn} expects it in one harmless line, as `foreignJsonOf` reads it.
 */
import { clock } from './durations.ts';
import { listed } from './sentences.ts';
import { cut } from './wrap.ts';

export interface RefusedConnection {
  readonly atMs: number;
  /** Empty: the client sent no server name, or doesn't use TLS. */
  readonly name: string;
}

export interface Refusals {
  readonly connections: number;
  /** Most often refused first. */
  readonly names: readonly RefusedName[];
  /** Whether older connections were not read. */
  readonly isCut: boolean;
}

/** `domain`: the only kind that can be allowed. `address`: an IPv4 address. `other`: a text that can't be a domain. */
type Kind = 'domain' | 'address' | 'none' | 'other';

export interface RefusedName {
  /** In lower case. */
  readonly name: string;
  readonly kind: Kind;
  readonly count: number;
  readonly lastAtMs: number;
}

const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}$/;
/** Characters of a name that can't be a domain. */
const SHOWN = 60;

export function refusalsIn(connections: readonly RefusedConnection[], isCut: boolean): Refusals {
  const byName = Map.groupBy(connections, ({ name }) => name.toLowerCase().replace(/\.$/, ''));
  const names = [...byName].map(([name, its]) => ({
    name,
    kind: kindOf(name),
    count: its.length,
    lastAtMs: Math.max(...its.map(({ atMs }) => atMs)),
  }));
  return {
    connections: connections.length,
    names: names.sort((one, other) => other.count - one.count || other.lastAtMs - one.lastAtMs),
    isCut,
  };
}

function kindOf(name: string): Kind {
  if (name === '') return 'none';
  if (/^\d+(?:\.\d+){3}$/.test(name)) return 'address';
  return DOMAIN.test(name) ? 'domain' : 'other';
}

/** The names with their numbers: `a.example (3 times, last at 14:03:09Z) and b.example (once, at 14:03:08Z)`. */
export function refusedText({ names }: Refusals, nowMs: number, most: number): string {
  return listed(
    names.map((refused) => {
      const at = clock(refused.lastAtMs, nowMs);
      const times = refused.count === 1 ? `once, at ${at}` : `${refused.count} times, last at ${at}`;
      return `${labelOf(refused)} (${times})`;
    }),
    most,
  );
}

function labelOf({ name, kind }: RefusedName): string {
  if (kind === 'none') return 'connections without a server name';
  if (kind === 'address') return `the IP address ${name}`;
  return kind === 'domain' ? name : `the text ${JSON.stringify(cut(name, SHOWN))}`;
}

/** Those that can be allowed, most often refused first. */
export function refusedDomains({ names }: Refusals): string[] {
  return names.filter(({ kind }) => kind === 'domain').map(({ name }) => name);
}

/** How to allow domains. @param what them, such as `a.example` or `the domain` */
export function allowingText(what: string): string {
  return (
    `add ${what} to network.allowedDomains, and deploy. ` +
    'If you set this list for the first time, keep the default domains with the preset hcp-terraform in network.allowedPresets; the preset aws-apis allows APIs of AWS. ' +
    'A gateway uses the new list after the launcher has replaced it, which it does while no task runs.'
  );
}
