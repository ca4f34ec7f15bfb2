/** Warm agents and sweeps: agents that start although no job is queued. */
import type { Duration } from 'aws-cdk-lib';
import { DAYS, type Day, type Phase } from '../../functions/launcher/contract.ts';
import { dollars, type JobSize, jobCost } from '../aws/costs.ts';
import type { UnlistedJobs } from './accepted-jobs.ts';

/** When agents are kept warm. */
export interface WarmSchedule {
  /** @default - every day */
  readonly days?: readonly Day[] | undefined;
  /** `HH:MM`. */
  readonly from: string;
  /** `HH:MM`, later than `from`; `24:00` is the end of the day. */
  readonly to: string;
  /** IANA name of the time zone of `from` and `to`. Daylight saving time is applied. */
  readonly timeZone: string;
}

/** Idle agents that keep running so that jobs start immediately. Each serves one job and is then replaced. */
export interface WarmAgentsOptions {
  /** Number of agents. They count in `maxAgents` and `agentsCeiling` like any other agent. */
  readonly agents: number;
  /**
   * Kind of job that the warm agents accept in a pool with `phases`.
   *
   * @default 'plan'
   */
  readonly phase?: Phase | undefined;
  /**
   * How long an agent waits before a new one replaces it.
   *
   * @default Duration.hours(1)
   */
  readonly idleWindow?: Duration | undefined;
  /** @default - always */
  readonly schedule?: WarmSchedule | undefined;
}

/** Duration of a sweep that gets no job: the agent's startup plus its idle window. */
const SWEEP_SECONDS = 150;

/** Minutes since midnight of `HH:MM`. */
export function minuteOf(time: string): number {
  const [hours, minutes] = time.split(':').map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
}

/** Options of a pool about agents that start although no job is queued. */
export interface StandingOptions {
  /**
   * Idle agents that keep running so that jobs start immediately.
   *
   * @default - none
   */
  readonly warmAgents?: WarmAgentsOptions | undefined;
  /**
   * Time between two sweeps. A sweep starts an agent although no job is listed. The agent takes one unlisted job, or ends without
   * a job.
   *
   * @default - no sweeps
   */
  readonly sweepInterval?: Duration | undefined;
}

/** Hours per week in which agents are kept warm. */
function warmHoursAWeek(schedule: WarmSchedule | undefined): number {
  if (schedule === undefined) return 7 * 24;
  return ((schedule.days ?? DAYS).length * (minuteOf(schedule.to) - minuteOf(schedule.from))) / 60;
}

/** In a pool with `phases`, the phase whose tasks run as sweeps. */
export function sweepingPhase(unlistedJobs: UnlistedJobs | undefined): Phase {
  return unlistedJobs === 'apply' ? 'apply' : 'plan';
}

/**
 * Monthly cost of warm agents and sweeps if no job ever runs, as text for a stack output.
 *
 * @param size task sizes of warm agents and of sweeps
 */
export function standingCost(
  { warmAgents, sweepInterval }: StandingOptions,
  size: { readonly warm: Omit<JobSize, 'seconds'>; readonly sweep: Omit<JobSize, 'seconds'> },
): string | undefined {
  const lines: string[] = [];
  if (warmAgents !== undefined) {
    const hours = (warmHoursAWeek(warmAgents.schedule) / 7) * (365 / 12);
    const usd = warmAgents.agents * hours * jobCost({ ...size.warm, seconds: 3600 });
    const week = `${Number(warmHoursAWeek(warmAgents.schedule).toFixed(1))} h per week`;
    lines.push(`${warmAgents.agents} warm ${warmAgents.agents === 1 ? 'agent' : 'agents'}, ${week}: ${dollars(usd)}`);
  }
  if (sweepInterval !== undefined) {
    const sweeps = (365 / 12) * ((24 * 60) / sweepInterval.toMinutes());
    const usd = sweeps * jobCost({ ...size.sweep, seconds: SWEEP_SECONDS });
    lines.push(`a sweep every ${sweepInterval.toMinutes()} minutes: ${dollars(usd)}`);
  }
  return lines.length === 0
    ? undefined
    : `${lines.join('; ')} per month if no job runs, at On-Demand prices of us-east-1`;
}
