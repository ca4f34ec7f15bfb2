/** Reads the logs of agents. The awslogs driver writes one stream per task: `PREFIX/CONTAINER/TASK`. */
import { AGENT_CONTAINER } from '../../functions/launcher/contract.ts';
import type { Aws } from './clients.ts';
import { nameOfAwsError } from './errors.ts';
import { type LogEvent, logEvents } from './log-events.ts';

/** The prefix in `lib/agent/task-definition.ts`: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html */
const PREFIX = 'agent';

export interface AgentLogQuery {
  readonly group: string;
  readonly taskId: string;
  readonly fromMs?: number | undefined;
  readonly pattern?: string;
}

/** Yields the log events of a task's agent, oldest first. Yields nothing if there is no such stream or group. */
export async function* agentLog(aws: Aws, { group, taskId, fromMs, pattern }: AgentLogQuery): AsyncGenerator<LogEvent> {
  const streamPrefix = `${PREFIX}/${AGENT_CONTAINER}/${taskId}`;
  try {
    yield* logEvents(aws, {
      group,
      streamPrefix,
      ...(fromMs !== undefined && { fromMs }),
      ...(pattern !== undefined && { pattern }),
    });
  } catch (error) {
    if (!(error instanceof Error) || nameOfAwsError(error.cause) !== 'ResourceNotFoundException') throw error;
  }
}
