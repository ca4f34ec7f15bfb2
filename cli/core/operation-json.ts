/** The documents that `pause --json`, `resume --json` and `drain --json` print. */
import * as z from 'zod';

export const pauseJson = z.strictObject({
  stack: z.string(),
  state: z.literal('paused'),
  changed: z.array(z.string()).describe('What the command changed; empty if the launcher was paused already'),
  warnings: z.array(z.string()).describe('Switches that could not be turned off; the launcher is paused without them'),
});

export const resumeJson = z.strictObject({
  stack: z.string(),
  state: z.literal('on'),
  changed: z.array(z.string()).describe('What the command changed; empty if the launcher was on already'),
});

export const drainJson = z.strictObject({
  stack: z.string(),
  state: z.literal('paused').describe('The launcher stays paused until agent-launcher resume'),
  end: z.enum(['drained', 'deadline', 'interrupted']),
  seconds: z.int().nonnegative().describe('How long the command waited'),
  remaining: z
    .array(
      z.strictObject({
        task: z.string(),
        pool: z.string().nullable(),
        status: z.string().describe("ECS's status of the task"),
        launchedFor: z.string().nullable().describe('The job that the task was launched for'),
      }),
    )
    .describe('Tasks that have not ended'),
});

export type DrainResult = z.infer<typeof drainJson>;
