import type { GatewayCounts } from './gateway-world.ts';
import type { Launcher } from './launcher.ts';
import { type ProfileName, scenarioOf } from './profiles.ts';
import { simulate } from './world.ts';

/** A world in which a promise was broken. */
export interface BrokenWorld {
  readonly seed: string;
  readonly profile: string;
  readonly promise: number;
  readonly what: string;
}

/** Results of many worlds. Plain data, so that threads can pass it on. */
export interface Statistics {
  worlds: number;
  events: number;
  virtualMs: number;
  invocations: number;
  ticks: number;
  launches: number;
  /** Agents that were started for a queued job, and ended without a job. */
  unused: number;
  served: number;
  idleAgentMs: number;
  racedStops: number;
  /** Worlds with gateways, and what happened to the instances of these gateways. */
  gateways: { worlds: number } & GatewayCounts;
  /** Results for the jobs that ticks found queued. */
  watched: { served: number; limited: number; excused: number };
  /** Number of faults that hit, by kind. */
  faults: Record<string, number>;
  /** Number of served jobs, by wait in seconds. */
  waits: Record<string, number>;
  broken: BrokenWorld[];
}

const GATEWAY_COUNTS = ['created', 'started', 'stopped', 'ended'] as const;
const WATCHED = ['served', 'limited', 'excused'] as const;

/** The worlds to run: a range of numbers, which are combined with one base seed. */
export interface Batch {
  readonly seed: string;
  readonly profile: ProfileName | 'all';
  readonly from: number;
  /** The first number after the range. */
  readonly to: number;
}

export function noStatistics(): Statistics {
  return {
    worlds: 0,
    events: 0,
    virtualMs: 0,
    invocations: 0,
    ticks: 0,
    launches: 0,
    unused: 0,
    served: 0,
    idleAgentMs: 0,
    racedStops: 0,
    gateways: { worlds: 0, created: 0, started: 0, stopped: 0, ended: 0 },
    watched: { served: 0, limited: 0, excused: 0 },
    faults: {},
    waits: {},
    broken: [],
  };
}

/** The seed of one world. */
export function seedOf(base: string, world: number): string {
  return `${base}.${world}`;
}

/** Runs the worlds one after the other. @returns the sum of each profile. */
export async function runBatch(batch: Batch, launcher: Launcher): Promise<Record<string, Statistics>> {
  const byProfile: Record<string, Statistics> = {};
  for (let world = batch.from; world < batch.to; world += 1) {
    const scenario = scenarioOf(seedOf(batch.seed, world), batch.profile);
    const outcome = await simulate(scenario, launcher);
    const into = byProfile[scenario.profile] ?? noStatistics();
    byProfile[scenario.profile] = into;
    into.worlds += 1;
    into.events += outcome.events;
    into.virtualMs += outcome.virtualMs;
    into.invocations += outcome.invocations;
    into.ticks += outcome.ticks;
    into.launches += outcome.launches;
    into.unused += outcome.unused;
    into.served += outcome.served;
    into.idleAgentMs += outcome.idleAgentMs;
    into.racedStops += outcome.racedStops;
    if (outcome.gateways !== undefined) {
      into.gateways.worlds += 1;
      for (const what of GATEWAY_COUNTS) into.gateways[what] += outcome.gateways[what];
    }
    for (const how of WATCHED) into.watched[how] += outcome.watched[how];
    for (const [kind, count] of outcome.faults) into.faults[kind] = (into.faults[kind] ?? 0) + count;
    for (const ms of outcome.waitsMs) {
      const second = String(Math.floor(ms / 1000));
      into.waits[second] = (into.waits[second] ?? 0) + 1;
    }
    const { broken } = outcome;
    if (broken !== undefined) {
      into.broken.push({ seed: scenario.seed, profile: scenario.profile, promise: broken.promise, what: broken.what });
    }
  }
  return byProfile;
}

/** Adds the second to the first. */
export function add(into: Statistics, other: Statistics): void {
  into.worlds += other.worlds;
  into.events += other.events;
  into.virtualMs += other.virtualMs;
  into.invocations += other.invocations;
  into.ticks += other.ticks;
  into.launches += other.launches;
  into.unused += other.unused;
  into.served += other.served;
  into.idleAgentMs += other.idleAgentMs;
  into.racedStops += other.racedStops;
  for (const what of ['worlds', ...GATEWAY_COUNTS] as const) into.gateways[what] += other.gateways[what];
  for (const how of WATCHED) into.watched[how] += other.watched[how];
  for (const [kind, count] of Object.entries(other.faults)) into.faults[kind] = (into.faults[kind] ?? 0) + count;
  for (const [second, count] of Object.entries(other.waits)) into.waits[second] = (into.waits[second] ?? 0) + count;
  into.broken.push(...other.broken);
}

/** The wait in seconds that this share of the served jobs didn't exceed; `undefined` if no job was served. */
export function waitSeconds({ waits, served }: Statistics, share: number): number | undefined {
  let count = 0;
  const seconds = Object.keys(waits)
    .map(Number)
    .sort((a, b) => a - b);
  for (const second of seconds) {
    count += waits[second] ?? 0;
    if (count >= served * share) return second + 1;
  }
  return undefined;
}
