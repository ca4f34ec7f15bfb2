import * as z from 'zod';
import { DAYS, PHASES } from '../../functions/launcher/contract.ts';
import { isTimeZone } from '../../functions/launcher/time-zone.ts';
import { DEFAULT_WARM_IDLE_MINUTES } from '../defaults.ts';
import { setting, whole } from './fields.ts';

const TIME = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/);

const schedule = z.strictObject({
  days: setting(
    z
      .array(z.enum(DAYS))
      .min(1)
      .refine((days) => new Set(days).size === days.length)
      .default([...DAYS]),
    {
      description: 'Days on which the launcher keeps agents warm.',
      allowed: `a list of ${DAYS.join(', ')}, each once`,
    },
  ),
  from: setting(TIME, {
    description: 'Time of day at which warm agents start.',
    allowed: 'HH:MM, 00:00 to 24:00',
  }),
  to: setting(TIME, {
    description: 'Time of day at which the launcher stops replacing warm agents.',
    allowed: 'HH:MM, later than `from`; 24:00 is the end of the day',
  }),
  // Offsets such as +01:00 aren't allowed, because they have no daylight saving time.
  timeZone: setting(
    z
      .string()
      .regex(/^[A-Za-z]/)
      .refine(isTimeZone),
    {
      description: 'Time zone of `from` and `to`. The launcher applies daylight saving time.',
      allowed: 'a name from the IANA database, such as Europe/Berlin or UTC',
    },
  ),
});

const warmAgents = z.strictObject({
  agents: setting(whole(1, 100), {
    description: 'Number of warm agents. Each serves one job and is then replaced.',
    allowed: 'integer from 1 to 100, at most `maxAgents`; with `phases`, fewer than `maxAgents`',
  }),
  phase: setting(z.enum(PHASES).default('plan'), {
    description: 'Kind of job that the warm agents accept in a pool with `phases`.',
  }),
  idleMinutes: setting(whole(5, 1440).default(DEFAULT_WARM_IDLE_MINUTES), {
    description: 'Minutes that a warm agent waits for a job before a new agent replaces it.',
  }),
  schedule: setting(schedule.optional(), {
    description: 'Hours during which the launcher keeps agents warm.',
    allowed: 'an object with `from`, `to`, `timeZone` and optionally `days`',
    absent: 'always',
  }),
});

export const standingSettings = {
  warmAgents: setting(warmAgents.optional(), {
    description:
      'Idle agents to keep running so that jobs start immediately. You pay for them while they wait; the output `StandingAgents` shows the price.',
    allowed: 'an object with `agents` and optionally `phase`, `idleMinutes` and `schedule`',
    absent: 'none',
  }),
  sweepMinutes: setting(whole(10, 1440).optional(), {
    description:
      'Minutes between two sweeps. A sweep starts one agent for jobs that HCP Terraform does not list as runs, such as assessments. The agent serves one job, or ends after 90 seconds without a job. Without `phases`, the agent takes every such job. With `phases`, `unlistedJobs` selects the jobs that it takes. The default is only jobs that read: no module tests (`test`) and no applies of Stacks (`stack_apply`).',
    absent: 'no sweeps: such a job waits until an agent starts for another job',
  }),
  policySweeps: setting(z.boolean().default(true), {
    description:
      'Whether the launcher starts an agent for a run that stays in the status `post_plan_running` or `policy_checking` for more than two minutes. If agents evaluate your policy sets, such a run needs this agent, because no list shows the evaluation. A run gets at most eight of these agents. With `phases`, `unlistedJobs` selects the tasks that evaluate policies.',
  }),
};
