/** The document that `status --json` prints. */
import * as z from 'zod';

const count = z.int().nonnegative();
const known = count.nullable();
const iso = z.iso.datetime();

const pool = z.strictObject({
  name: z.string().describe('Name of the pool'),
  maxAgents: count.describe('Maximum number of agents running at the same time'),
  queued: known.describe('Plans and applies that wait for an agent; null if unknown'),
  oldestQueuedSeconds: known.describe('How long the oldest of them has waited; null if none waits, or if unknown'),
  starting: known.describe('Tasks whose agent has not registered yet; null if the agents are unknown'),
  busy: known.describe('Agents that run a job'),
  idle: known.describe('Agents that wait for a job'),
  unknown: known.describe('Tasks whose agent does not answer, is errored, or never registered in time'),
  leaving: count.describe('Tasks that are about to stop'),
  foreign: known.describe("Agents of the pool that aren't tasks of this launcher"),
  live: count.describe('Tasks that count toward maxAgents'),
  queueFrom: z.enum(['hcp-terraform', 'log', 'nowhere']).describe('Where queued is from'),
  agentsFrom: z.enum(['hcp-terraform', 'log', 'nowhere']).describe('Where the states of the agents are from'),
});

const gateway = z.strictObject({
  name: z.string().describe('Name of the gateway'),
  state: z
    .string()
    .describe('absent, asleep, starting, awake, stopping, replacing or unhealthy; problem: see problems'),
  instance: z.string().nullable().describe('Id of its EC2 instance; null if it has none'),
  ageDays: z.number().nullable().describe('Since the instance was created; null if it has none'),
  startSeconds: z.number().nullable().describe('How long its last start took; null while it is asleep or starting'),
});

export const statusJson = z.strictObject({
  at: iso.describe('When the status was read'),
  stack: z.strictObject({
    name: z.string().describe('Name of the stack'),
    status: z.string().describe("CloudFormation's status, such as UPDATE_COMPLETE"),
    region: z.string().describe('AWS Region'),
    account: z.string().describe('Id of the AWS account'),
  }),
  launcher: z.strictObject({
    state: z
      .enum(['running', 'paused', 'partly-paused', 'silent', 'failing', 'unknown'])
      .describe('silent: no tick for too long. failing: the last tick had errors. unknown: neither could be read'),
    version: z.string().nullable().describe('Version in the last log line; null if unknown'),
    schedule: z.string().nullable().describe('Expression of the schedule; null if unknown'),
    lastTick: z
      .strictObject({
        at: z.string().describe('When it ended'),
        secondsAgo: count.describe('Seconds since then'),
        durationMs: z.number().describe('How long it took'),
        errors: count.describe('Number of its errors'),
      })
      .nullable()
      .describe('null: no tick in the period that was read'),
  }),
  pools: z.array(pool),
  gateways: z
    .array(gateway)
    .describe(
      'Gateways of network.egress on-demand, as the last tick saw them; empty if there are none, or if unknown',
    ),
  alarms: z
    .strictObject({
      total: count.describe('Number of alarms of the launcher'),
      on: z
        .array(
          z.strictObject({
            name: z.string().describe('Name of the alarm'),
            since: z.string().nullable().describe('When it changed to this state; null if unknown'),
          }),
        )
        .describe('Alarms in the state ALARM'),
    })
    .nullable()
    .describe('null if unknown'),
  today: z
    .strictObject({
      since: iso.describe('Midnight UTC'),
      tasks: count.describe('Tasks that ended since then'),
      runs: count.describe('Runs that these tasks served'),
      failed: count.describe('Tasks that failed, ran out of memory or were interrupted'),
      dollars: z.number().describe('At list prices of us-east-1'),
    })
    .nullable()
    .describe('null if unknown'),
  problems: z
    .array(
      z.strictObject({ what: z.string().describe('What is wrong'), do: z.string().describe('What to do about it') }),
    )
    .describe('The exit code is 1 if there is one'),
  notes: z.array(z.string()).describe('What could not be read, and other remarks'),
});

export type Status = z.infer<typeof statusJson>;
export type PoolStatus = z.infer<typeof pool>;
export type GatewayStatus = z.infer<typeof gateway>;
