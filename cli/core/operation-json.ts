/** The documents that `pause --json`, `resume --json` and `drain --json` print. */
import * as z from 'zod';

const stack = z.string().describe('Name of the stack');

export const pauseJson = z.strictObject({
  stack,
  state: z.literal('paused').describe('The launcher is paused, with or without warnings'),
  changed: z.array(z.string()).describe('What the command changed; empty if the launcher was paused already'),
  warnings: z.array(z.string()).describe('Switches that could not be turned off; the launcher is paused without them'),
});

export const resumeJson = z.strictObject({
  stack,
  state: z.literal('on').describe('The launcher is on'),
  changed: z.array(z.string()).describe('What the command changed; empty if the launcher was on already'),
});

export const drainJson = z.strictObject({
  stack,
  state: z.literal('paused').describe('The launcher stays paused until agent-launcher resume'),
  end: z
    .enum(['drained', 'deadline', 'interrupted'])
    .describe('drained: no task is left. deadline: the time of --deadline was up. interrupted: Ctrl-C'),
  seconds: z.int().nonnegative().describe('How long the command waited'),
  remaining: z
    .array(
      z.strictObject({
        task: z.string().describe('Id of the task, and name of its agent'),
        pool: z.string().nullable().describe('Name of the pool; null if unknown'),
        status: z.string().describe("ECS's status of the task"),
        launchedFor: z.string().nullable().describe('The job that the task was launched for'),
      }),
    )
    .describe('Tasks that have not ended'),
});

export type DrainResult = z.infer<typeof drainJson>;
