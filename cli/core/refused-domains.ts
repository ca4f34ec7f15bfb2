/**
 * The names that the network refused to jobs.
 *
 * A domain that isn't allowed doesn't resolve, so a job usually never gets to a connection: only the DNS query log has its name. The gateways of
 * `network.egress: on-demand` refuse connections to hosts that a job found otherwise: by an address, by another resolver, or before the
 * gateways know a domain that was just allowed.
 *
 * A job chooses its names, so a name can be any text. {@link refusalsIn} expects it in one harmless line, as `foreignJsonOf` reads it.
 */
import type { Failure } from './doctor/findings.ts';
import { clock } from './durations.ts';
import { counted, listed } from './sentences.ts';
import { cut } from './wrap.ts';

/** `lookup`: DNS Firewall refused it. `connection`: a gateway refused it. */
export type RefusedKind = 'lookup' | 'connection';

/** A log that has what was refused. */
export interface RefusalLog {
  readonly kind: RefusedKind;
  readonly group: string;
}

export interface Refused {
  readonly atMs: number;
  /** Empty: the client sent no server name, or doesn't use TLS. */
  readonly name: string;
}

/** What was read from a log. */
export interface LogReading {
  readonly refused: readonly Refused[];
  /** Whether older lines were not read. */
  readonly isCut: boolean;
}

export interface ReadLog extends RefusalLog {
  readonly count: number;
  readonly isCut: boolean;
}

export interface UnreadLog extends RefusalLog {
  readonly failure: Failure;
}

export interface Refusals {
  readonly read: readonly ReadLog[];
  readonly unread: readonly UnreadLog[];
  /** Most often refused first. */
  readonly names: readonly RefusedName[];
}

/** `domain`: the only kind that can be allowed. `address`: an IPv4 address. `other`: a text that can't be a domain. */
type NameKind = 'domain' | 'address' | 'none' | 'other';

export interface RefusedName {
  /** In lower case, without a dot at its end. */
  readonly name: string;
  readonly kind: NameKind;
  readonly lookups: number;
  readonly connections: number;
  readonly lastAtMs: number;
}

/** The logs in sentences. */
export const LOG_NAMES: Readonly<Record<RefusedKind, string>> = {
  lookup: 'the DNS query log',
  connection: 'the log of the gateways',
};

const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}$/;
/** Characters of a name that can't be a domain. */
const SHOWN = 60;

export function refusalsIn(logs: readonly (RefusalLog & (LogReading | { readonly failure: Failure }))[]): Refusals {
  const readings = logs.filter((log) => 'refused' in log);
  const all = readings.flatMap(({ kind, refused }) =>
    refused.map(({ atMs, name }) => ({ kind, atMs, name: plain(name) })),
  );
  const names = [...Map.groupBy(all, ({ name }) => name)].map(([name, its]) => ({
    name,
    kind: kindOf(name),
    lookups: its.filter(({ kind }) => kind === 'lookup').length,
    connections: its.filter(({ kind }) => kind === 'connection').length,
    lastAtMs: Math.max(...its.map(({ atMs }) => atMs)),
  }));
  return {
    read: readings.map(({ kind, group, refused, isCut }) => ({ kind, group, count: refused.length, isCut })),
    unread: logs.filter((log) => 'failure' in log),
    names: names.sort((one, other) => timesOf(other) - timesOf(one) || other.lastAtMs - one.lastAtMs),
  };
}

/** The name as a user writes it: the DNS query log ends names with a dot. */
function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function timesOf({ lookups, connections }: RefusedName): number {
  return lookups + connections;
}

function kindOf(name: string): NameKind {
  if (name === '') return 'none';
  if (/^\d+(?:\.\d+){3}$/.test(name)) return 'address';
  return DOMAIN.test(name) ? 'domain' : 'other';
}

/**
 * Whether a lookup asks for a domain that can be allowed. Otherwise, it is a reverse lookup, a name without a dot, or a name in the domain of
 * the VPC (`ec2.internal`): a client that gets no answer for `a.example` often asks for `a.example.ec2.internal` too.
 */
export function isPublicDomain(name: string): boolean {
  return kindOf(plain(name)) === 'domain' && !/\.(?:arpa|internal)$/.test(plain(name));
}

/** The names with their numbers: `a.example (3 lookups, last at 14:03:09Z) and b.example (1 connection, at 14:03:08Z)`. */
export function refusedText({ names }: Pick<Refusals, 'names'>, nowMs: number, most: number): string {
  return listed(
    names.map((refused) => {
      const { lookups, connections, lastAtMs } = refused;
      const counts = [
        ...(lookups > 0 ? [counted(lookups, 'lookup')] : []),
        ...(connections > 0 ? [counted(connections, 'connection')] : []),
      ];
      const last = timesOf(refused) === 1 ? '' : 'last ';
      return `${labelOf(refused)} (${listed(counts)}, ${last}at ${clock(lastAtMs, nowMs)})`;
    }),
    most,
  );
}

function labelOf({ name, kind }: RefusedName): string {
  if (kind === 'none') return 'no server name';
  if (kind === 'address') return `the IP address ${name}`;
  return kind === 'domain' ? name : `the text ${JSON.stringify(cut(name, SHOWN))}`;
}

/** Those that can be allowed, most often refused first. */
export function refusedDomains({ names }: Pick<Refusals, 'names'>): string[] {
  return names.filter(({ kind }) => kind === 'domain').map(({ name }) => name);
}

/** Whether gateways limit connections. */
export function hasGateways({ read, unread }: Refusals): boolean {
  return [...read, ...unread].some(({ kind }) => kind === 'connection');
}

/** Says that only a part of a log was read, and that this part has nothing. @param whom in the form ` to the task`; may be empty */
export function cutText({ kind }: ReadLog, whom = ''): string {
  return `${LOG_NAMES[kind]} has too many lines to read; the newest have no ${kind} that was refused${whom}`;
}

/** How to allow domains. @param what them, such as `a.example` or `the domain` */
export function allowingText(what: string, refusals: Refusals): string {
  return (
    `add ${what} to network.allowedDomains, and deploy. ` +
    'If you set this list for the first time, keep the default domains with the preset hcp-terraform in network.allowedPresets; the preset aws-apis allows APIs of AWS.' +
    (hasGateways(refusals)
      ? ' If you have already added it, wait: a gateway uses the new list after the launcher has replaced it, which it does while no task runs.'
      : '')
  );
}
