import { START_CAUSE_TABLE, type StartCause } from './start-cause-table.ts';
import { EXIT_CODES } from './start-exit-codes.ts';

const ENDED_WITH_AN_ERROR: StartCause = {
  cause: 'agent',
  remedy:
    'the agent ended before it registered: a wrong or revoked agent token, the organization’s agent limit, an architecture other than the pool’s; its log says which',
};

const UNKNOWN: StartCause = {
  cause: 'unknown',
  remedy: 'search the ECS documentation for this message, and check the task’s log',
};

/**
 * @param detail what ECS said of the task's end, as `StartFailure` has it. Words explain more than the exit code, which
 * stands last.
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
