import type { ReportPassed } from '../ports.ts';

/** Timeout of one attempt, and their number: together less than the function's timeout. */
const ATTEMPT_MS = 3_500;
const ATTEMPTS = 2;

/** The message that a person sees in the run. */
const MESSAGE = 'The agent launcher knows about this run.';

/** Answers that ask for another attempt. */
const TRY_AGAIN: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * Reports `passed` to run tasks' callbacks on one host.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration#run-task-callback
 */
export function reportTo(hostname: string, send: typeof fetch, timeout: (ms: number) => AbortSignal): ReportPassed {
  const body = JSON.stringify({
    data: { type: 'task-results', attributes: { status: 'passed', message: MESSAGE } },
  });
  return async (path, accessToken) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { status, body: rest } = await send(`https://${hostname}${path}`, {
          method: 'PATCH',
          headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/vnd.api+json' },
          body,
          // A redirect would send the request to another host.
          redirect: 'manual',
          signal: timeout(ATTEMPT_MS),
        });
        await rest?.cancel();
        if (status >= 200 && status < 300) return { outcome: 'reported', detail: `${status}` };
        if (status < 500 && !TRY_AGAIN.has(status)) return { outcome: 'refused', detail: `${status}` };
        if (attempt === ATTEMPTS) return { outcome: 'unavailable', detail: `${status}` };
      } catch (error) {
        const detail = error instanceof Error ? error.name : 'unknown error';
        if (attempt === ATTEMPTS) return { outcome: 'unavailable', detail };
      }
    }
  };
}
