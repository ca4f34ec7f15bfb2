/** The document that `logs --json` prints. Members are only ever added. */
import * as z from 'zod';

export const logsJson = z.strictObject({
  tasks: z.array(
    z.strictObject({
      task: z.string(),
      pool: z.string(),
      /** The job that the task was launched for: `run-…/plan`, or that of a warm agent or a sweep. */
      launchedFor: z.string().optional(),
      /** The job that its agent executed or executes. Absent if nothing shows it: the agent may have taken another job than that of `launchedFor`. */
      job: z.string().optional(),
      logGroup: z.string(),
      /** Whether ECS still runs the task. */
      isLive: z.boolean(),
      lines: z.array(z.strictObject({ at: z.iso.datetime(), message: z.string() })),
    }),
  ),
});

export type LogsJson = z.infer<typeof logsJson>;
