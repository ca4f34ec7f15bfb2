/** The document that `logs --json` prints. Members are only ever added. */
import * as z from 'zod';

export const logsJson = z.strictObject({
  tasks: z
    .array(
      z.strictObject({
        task: z.string().describe('Id of the task, and name of its agent'),
        pool: z.string().describe('Name of the pool'),
        launchedFor: z
          .string()
          .optional()
          .describe('The job that the task was launched for, such as run-…/plan, or that of a warm agent or a sweep'),
        job: z
          .string()
          .optional()
          .describe(
            'The job that its agent executed or executes; absent if nothing shows it: the agent may have taken another job than launchedFor',
          ),
        logGroup: z.string().describe("Log group of the pool's agents"),
        isLive: z.boolean().describe('Whether ECS still runs the task'),
        lines: z
          .array(
            z.strictObject({
              at: z.iso.datetime().describe('Time of the line in CloudWatch Logs'),
              message: z.string().describe('The line, without escape sequences'),
            }),
          )
          .describe('Oldest first'),
      }),
    )
    .describe('Oldest first'),
});

export type LogsJson = z.infer<typeof logsJson>;
