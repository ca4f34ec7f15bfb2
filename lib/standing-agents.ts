/** Agents that a pool has although no job is queued: kept warm, or sent to sweep. */
import type { Duration } from 'aws-cdk-lib';
import {
  DAYS,
  type Day,
  type LaneEnvironment,
  type Phase,
  type WarmEnvironment,
} from '../functions/launcher/contract.ts';
import type { UnlistedJobs } from './accepted-jobs.ts';
import { dollars, type JobSize, jobCost } from './prices.ts';

/** When agents are kept warm: some hours of some days. */
export interface WarmSchedule {
  /** @default - every day */
  readonly days?: readonly Day[];
  /** `HH:MM`. */
  readonly from: string;
  /** `HH:MM`, `24:00` for the day's end; later than `from`. */
  readonly to: string;
  /** IANA name of a time zone, whose daylight saving time is followed. */
  readonly timeZone: string;
}

/** Agents that wait for jobs, so that a job need not wait for one. Each serves one job, and is replaced then. */
export interface WarmAgentsOptions {
  /** How many; they count towards `maxAgents` and the licence like any other. */
  readonly agents: number;
  /**
   * Which jobs they take in a pool with `phases`.
   *
   * @default 'plan'
   */
  readonly phase?: Phase;
  /**
   * How long one waits before it is replaced by a new one.
   *
   * @default Duration.hours(1)
   */
  readonly idleWindow?: Duration;
  /** @default - always */
  readonly schedule?: WarmSchedule;
}

const DEFAULT_IDLE_MINUTES = 60;

/** How long the agent of a sweep waits, and its start. */
const SWEEP_SECONDS = 150;

/** Minutes since midnight of `HH:MM`. */
export function minuteOf(time: string): number {
  const [hours, minutes] = time.split(':').map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
}

export interface StandingOptions {
  readonly warmAgents?: WarmAgentsOptions;
  readonly sweepInterval?: Duration;
}

/**
 * What the launcher is told of them, as part of one lane.
 *
 * @param sweeps whether this lane's agents accept what no list shows.
 */
export function standingEnvironment(
  { warmAgents, sweepInterval }: StandingOptions,
  lane: { readonly phases: readonly Phase[]; readonly sweeps: boolean },
): Pick<LaneEnvironment, 'warm' | 'sweepMinutes'> {
  const warm = warmAgents !== undefined && lane.phases.includes(warmAgents.phase ?? 'plan');
  return {
    ...(warm && { warm: warmEnvironment(warmAgents) }),
    ...(sweepInterval !== undefined && lane.sweeps && { sweepMinutes: sweepInterval.toMinutes() }),
  };
}

function warmEnvironment({ agents, idleWindow, schedule }: WarmAgentsOptions): WarmEnvironment {
  const idleSeconds = idleWindow?.toSeconds() ?? DEFAULT_IDLE_MINUTES * 60;
  if (schedule === undefined) return { agents, idleSeconds };
  const { days = DAYS, from, to, timeZone } = schedule;
  return { agents, idleSeconds, schedule: { days, fromMinute: minuteOf(from), toMinute: minuteOf(to), timeZone } };
}

/** Hours a week in which agents are kept warm. */
function warmHoursAWeek(schedule: WarmSchedule | undefined): number {
  if (schedule === undefined) return 7 * 24;
  return ((schedule.days ?? DAYS).length * (minuteOf(schedule.to) - minuteOf(schedule.from))) / 60;
}

/** Which tasks of a pool with `phases` look for jobs that no list shows. */
export function sweepingPhase(unlistedJobs: UnlistedJobs | undefined): Phase {
  return unlistedJobs === 'apply' ? 'apply' : 'plan';
}

/**
 * What they cost in a month without a single job, in words.
 *
 * @param size of the tasks that are kept warm, and of those that sweep.
 */
export function standingCost(
  { warmAgents, sweepInterval }: StandingOptions,
  size: { readonly warm: Omit<JobSize, 'seconds'>; readonly sweep: Omit<JobSize, 'seconds'> },
): string | undefined {
  const lines: string[] = [];
  if (warmAgents !== undefined) {
    const hours = (warmHoursAWeek(warmAgents.schedule) / 7) * (365 / 12);
    const usd = warmAgents.agents * hours * jobCost({ ...size.warm, seconds: 3600 });
    const week = `${Number(warmHoursAWeek(warmAgents.schedule).toFixed(1))} h a week`;
    lines.push(`${warmAgents.agents} warm ${warmAgents.agents === 1 ? 'agent' : 'agents'}, ${week}: ${dollars(usd)}`);
  }
  if (sweepInterval !== undefined) {
    const sweeps = (365 / 12) * ((24 * 60) / sweepInterval.toMinutes());
    const usd = sweeps * jobCost({ ...size.sweep, seconds: SWEEP_SECONDS });
    lines.push(`a sweep every ${sweepInterval.toMinutes()} minutes: ${dollars(usd)}`);
  }
  return lines.length === 0 ? undefined : `${lines.join('; ')} a month without a job, on demand in us-east-1`;
}
