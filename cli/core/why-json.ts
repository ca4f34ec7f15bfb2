/** The document that `why --json` prints. Members are only ever added. */
import * as z from 'zod';
import type { Explanation } from './why/explain.ts';

const iso = z.iso.datetime();

export const whyJson = z.strictObject({
  run: z.string().describe('Id of the run'),
  cause: z.string().describe('Id of the cause, such as agent-token-rejected; docs/why.md lists them'),
  state: z
    .enum(['done', 'running', 'waiting', 'person', 'blocked'])
    .describe(
      'done: the run has ended. running: an agent executes it. waiting: it continues on its own. person: somebody must decide in HCP Terraform. blocked: something must be repaired or changed, and the exit code is 1',
    ),
  verdict: z.string().describe('The answer, in one or two sentences'),
  todo: z.array(z.string()).describe('What to do, in order; empty if nothing'),
  facts: z
    .array(
      z.strictObject({
        source: z.enum(['HCP Terraform', 'Launcher', 'ECS', 'Network']).describe('Where the fact is from'),
        text: z.string().describe('One thing that the source shows'),
      }),
    )
    .describe('What is known'),
  agentLog: z
    .array(
      z.strictObject({
        at: iso.describe('Time of the line in CloudWatch Logs'),
        message: z.string().describe('The line as the agent wrote it'),
      }),
    )
    .describe("The last lines of the agent's log, oldest first"),
  at: iso.describe('When the command read this'),
});

export type WhyJson = z.infer<typeof whyJson>;

export function whyDocument(
  { runId, cause, state, verdict, todo, facts, agentLog }: Explanation,
  nowMs: number,
): WhyJson {
  return {
    run: runId,
    cause,
    state,
    verdict,
    todo: [...todo],
    facts: facts.map(({ source, text }) => ({ source, text })),
    agentLog: agentLog.map(({ atMs, line }) => ({ at: new Date(atMs).toISOString(), message: line })),
    at: new Date(nowMs).toISOString(),
  };
}
