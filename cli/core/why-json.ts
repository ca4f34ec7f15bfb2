/** The document that `why --json` prints. Members are only ever added. */
import * as z from 'zod';
import type { Explanation } from './why/explain.ts';

const iso = z.iso.datetime();

export const whyJson = z.strictObject({
  run: z.string(),
  /** Id of the cause, such as `agent-token-rejected`. */
  cause: z.string(),
  /** `blocked`: something must be repaired or changed. `person`: somebody must decide in HCP Terraform. */
  state: z.enum(['done', 'running', 'waiting', 'person', 'blocked']),
  verdict: z.string(),
  /** What to do, in order. */
  todo: z.array(z.string()),
  facts: z.array(z.strictObject({ source: z.enum(['HCP Terraform', 'Launcher', 'ECS', 'Gateway']), text: z.string() })),
  /** The last lines of the agent's log. */
  agentLog: z.array(z.strictObject({ at: iso, message: z.string() })),
  at: iso,
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
