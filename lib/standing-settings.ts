import * as z from 'zod';
import { mostWarmAgents } from '../functions/launcher/warm-limit.ts';
import { DEFAULT_MAX_AGENTS } from './defaults.ts';
import { setting, whole } from './setting.ts';
import type { SettingsFault } from './settings-faults.ts';
import { DAYS, minuteOf } from './standing-agents.ts';

const TIME = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/);

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const schedule = z.strictObject({
  days: setting(
    z
      .array(z.enum(DAYS))
      .min(1)
      .refine((days) => new Set(days).size === days.length)
      .default([...DAYS]),
    { description: 'Days on which agents are kept warm.', allowed: `a list of ${DAYS.join(', ')}, each once` },
  ),
  from: setting(TIME, { description: 'From this time of the day on.', allowed: 'HH:MM, 00:00 to 24:00' }),
  to: setting(TIME, {
    description: 'Up to this time of the day.',
    allowed: 'HH:MM, later than from; 24:00 is its end',
  }),
  // Not an offset such as +01:00, which has no daylight saving time.
  timeZone: setting(
    z
      .string()
      .regex(/^[A-Za-z]/)
      .refine(isTimeZone),
    {
      description: 'Time zone of both; its daylight saving time is followed.',
      allowed: 'a name of the IANA database, such as Europe/Berlin or UTC',
    },
  ),
});

/** Agents that wait for jobs. */
const warmAgents = z.strictObject({
  agents: setting(whole(1, 100), {
    description:
      'Agents that wait for a job; each serves one and is replaced then, in the last six minutes of an hour only when it is over.',
    allowed: 'whole number from 1 to 100, not more than `maxAgents`, with `phases` fewer',
  }),
  phase: setting(z.enum(['plan', 'apply']).default('plan'), {
    description: 'Which jobs they take in a pool with `phases`.',
    allowed: 'plan or apply',
  }),
  idleMinutes: setting(whole(5, 1440).default(60), {
    description: 'Minutes that one of them waits before a new one takes its place.',
    allowed: 'whole number from 5 to 1440',
  }),
  schedule: setting(schedule.optional(), {
    description: 'Hours in which agents are kept warm.',
    allowed: 'an object with from, to, timeZone and, if need be, days',
    absent: 'always',
  }),
});

/** Settings of a pool about agents that it has although no job is queued. */
export const standingSettings = {
  warmAgents: setting(warmAgents.optional(), {
    description:
      'Agents that are kept waiting, so that a job need not wait for one. They cost what they cost: the output `StandingAgents` tells it.',
    allowed: 'an object with agents and, if need be, phase, idleMinutes and schedule',
    absent: 'none',
  }),
  sweepMinutes: setting(whole(10, 1440).optional(), {
    description:
      'Minutes from one sweep to the next: an agent that serves a job that no list of runs shows, if one waits, and leaves after 90 seconds if none does. With `phases` it takes what the tasks that `unlistedJobs` names accept: by default assessments, policies and what else only reads, and neither `test` nor `stack_apply`.',
    allowed: 'whole number from 10 to 1440',
    absent: 'no sweep: such a job waits until an agent comes for another',
  }),
  policySweeps: setting(z.boolean().default(true), {
    description:
      'Start an agent for a run that has been in a post-plan status for more than two minutes, because policy sets in agent mode wait there for one. It leaves after 90 seconds without a job; a run gets eight at most, within nine hours. With `phases` the tasks that `unlistedJobs` sets evaluate policies.',
    allowed: 'true or false',
  }),
};

type Given = Readonly<Record<string, unknown>>;

/** What is wrong between the settings of one pool; `given` may be anything. */
export function standingFaults(pool: Given, index: number): SettingsFault[] {
  const { warmAgents: warm, maxAgents = DEFAULT_MAX_AGENTS } = pool;
  const faults: SettingsFault[] = [];
  if (isRecord(warm)) {
    const { agents, phase } = warm;
    const most = typeof maxAgents === 'number' ? mostWarmAgents(maxAgents, lanesOf(pool)) : Number.POSITIVE_INFINITY;
    if (typeof agents === 'number' && agents > most) {
      faults.push({
        path: `pools.${index}.warmAgents.agents`,
        given: `${agents}, with maxAgents ${maxAgents}`,
        allowed: `${pool['phases'] ? 'fewer' : 'not more'} than maxAgents, in which warm agents count`,
        remedy: 'fewer warm agents, or a higher maxAgents',
      });
    }
    if (phase === 'apply' && pool['phases'] === undefined) {
      faults.push({
        path: `pools.${index}.warmAgents.phase`,
        given: 'apply, in a pool without phases',
        allowed: 'apply only with phases: there any task takes any job',
        remedy: 'leave it out, or give "phases": {}',
      });
    }
    const times = isRecord(warm['schedule']) ? warm['schedule'] : {};
    const { from, to } = times;
    if (TIME.safeParse(from).success && TIME.safeParse(to).success && minuteOf(String(from)) >= minuteOf(String(to))) {
      faults.push({
        path: `pools.${index}.warmAgents.schedule.to`,
        given: `${String(to)}, with from ${String(from)}`,
        allowed: 'a time later than from, of the same day',
        remedy: 'for hours past midnight give the whole day from 00:00 to 24:00, or a second pool',
      });
    }
  }
  const phases = pool['phases'];
  if (pool['sweepMinutes'] !== undefined && isRecord(phases) && phases['unlistedJobs'] === 'none') {
    faults.push({
      path: `pools.${index}.sweepMinutes`,
      given: 'a sweep, with phases.unlistedJobs "none"',
      allowed: 'a sweep only where some task accepts what it looks for',
      remedy: 'leave the sweep out, or let unlistedJobs be "plan" or "apply"',
    });
  }
  return faults;
}

/** How many lanes the pool has; it may be anything. */
export function lanesOf(pool: Given): number {
  return pool['phases'] === undefined ? 1 : 2;
}

/** How long the function's environment may get by them, at most; `pool` may be anything. */
export function standingBytes({ warmAgents: warm, sweepMinutes, policySweeps }: Given): number {
  const schedule = isRecord(warm) && isRecord(warm['schedule']) ? warm['schedule'] : undefined;
  const longest = { agents: 100, idleSeconds: 86_400 };
  const times = { fromMinute: 1_439, toMinute: 1_440 };
  const told = {
    ...(warm !== undefined && {
      warm: schedule === undefined ? longest : { ...longest, schedule: { days: DAYS, ...schedule, ...times } },
    }),
    ...(sweepMinutes !== undefined && { sweepMinutes }),
    // In each of two lanes.
    ...(policySweeps === false && { policies: false, policiesToo: false }),
  };
  return Buffer.byteLength(JSON.stringify(told));
}

function isRecord(value: unknown): value is Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
