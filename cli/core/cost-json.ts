/** The document that `cost --json` prints. All amounts are US dollars at list prices of us-east-1. */
import * as z from 'zod';

const count = z.int().nonnegative();
const amount = z.number().nonnegative();

export const GROUPINGS = ['pool', 'workspace', 'day', 'phase'] as const;
export type Grouping = (typeof GROUPINGS)[number];

const usage = {
  tasks: count.describe('Tasks that ended'),
  runs: count.describe('Runs that these tasks served'),
  billedSeconds: amount.describe('What Fargate bills'),
  dollars: amount.describe('Their Fargate cost'),
};

const fleet = z.strictObject({
  agents: count.describe('Number of agents that run all the time'),
  dollars: amount.describe('Their Fargate cost in the period'),
});

export const costJson = z.strictObject({
  stack: z.string().describe('Name of the stack'),
  from: z.iso.datetime().describe('Beginning of the period'),
  to: z.iso.datetime().describe('End of the period'),
  days: count.describe('Length of the period'),
  by: z.enum(GROUPINGS).describe('What the rows group tasks by'),
  rows: z
    .array(
      z.strictObject({
        key: z.string().describe('Pool, workspace id, day in UTC, or phase'),
        name: z.string().optional().describe('Name of the workspace; absent if the token may not see it'),
        ...usage,
      }),
    )
    .describe('Most expensive first; days in order'),
  fargate: z.strictObject(usage).describe('All tasks'),
  publicAddresses: amount.describe('Public addresses of the tasks; 0 unless network.egress is public-ip'),
  idle: z.strictObject({
    dollars: amount.describe('In the period'),
    dollarsPerMonth: amount.describe('While nothing runs'),
    parts: z.array(
      z.strictObject({ item: z.string().describe('What costs it'), dollarsPerMonth: amount.describe('Its price') }),
    ),
  }),
  total: amount.describe('fargate, publicAddresses and idle'),
  alwaysOn: z
    .strictObject({
      maxAgents: fleet.describe('As many agents as maxAgents of all pools'),
      peak: fleet.describe('As many agents as ran at the same time in the period'),
    })
    .nullable()
    .describe(
      'What agents that run all the time would cost instead of fargate and publicAddresses; null if the task sizes are unknown',
    ),
  firstTaskAt: z.string().nullable().describe('When the first task of the period ended; null if none did'),
  remarks: z.array(z.string()).describe('What is estimated or missing'),
});

export type Cost = z.infer<typeof costJson>;
