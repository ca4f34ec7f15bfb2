import { START_CAUSE_TABLE, type StartCause } from './start-cause-table.ts';
import { EXIT_CODES } from './start-exit-codes.ts';

const ENDED_WITH_AN_ERROR: StartCause = {
  cause: 'agent',
  remedy:
    'the agent ended before it registered. Find the cause in its log. Common causes are a wrong or revoked agent token, the organization’s agent limit, and an image for a different CPU architecture',
};

const UNKNOWN: StartCause = {
  cause: 'unknown',
  remedy: 'the launcher does not know this message. Search the ECS documentation for it, and check the task’s log',
};

/**
 * Finds the cause of a start failure. ECS's message explains more than the exit code, so the exit code is used last.
 *
 * @param detail - the `detail` of a `StartFailure`.
 */
export function startCauseOf(detail: string): StartCause {
  const row = START_CAUSE_TABLE.find(({ when }) => when.every((pattern) => pattern.test(detail)));
  if (row !== undefined) {
    return { cause: row.cause, remedy: typeof row.remedy === 'string' ? row.remedy : row.remedy(detail) };
  }
  const exitCode = /(?:^|; )exit code (\d+)$/.exec(detail)?.[1];
  if (exitCode === undefined) return UNKNOWN;
  return EXIT_CODES[Number(exitCode)] ?? ENDED_WITH_AN_ERROR;
}
