/** One invocation: all pools, a few at a time, each on its own. Then the report. */
import { DAY_MS } from './core/rotation.ts';
import { RotationError } from './errors.ts';
import type { Log, ReportAge } from './ports.ts';
import { type RotatedPool, type RotatePoolDeps, type RotationResult, rotatePool } from './rotate-pool.ts';

/** HCP Terraform allows 30 requests per second and user. Each pool sends one request at a time. */
const POOLS_AT_ONCE = 5;

export interface RotateDeps extends RotatePoolDeps {
  readonly log: Log;
  readonly reportAge: ReportAge;
}

/**
 * Rotates the token of every pool that needs it.
 *
 * @throws `RotationError` if a pool failed, after the other pools. Lambda then counts an error, and invokes the function again.
 */
export async function rotate(pools: readonly RotatedPool[], deps: RotateDeps): Promise<void> {
  const failed: string[] = [];
  const waiting = [...pools];
  const worker = async (): Promise<void> => {
    for (let pool = waiting.shift(); pool !== undefined; pool = waiting.shift()) {
      try {
        report(await rotatePool(pool, deps), deps);
      } catch (error) {
        failed.push(pool.name);
        const isKnown = error instanceof RotationError;
        // The message of an unexpected error may contain anything, also a token.
        deps.log.error({
          message: isKnown
            ? error.message
            : `Unexpected error of the type ${nameOf(error)}. This is our bug: report it.`,
          pool: pool.name,
        });
      }
    }
  };
  await Promise.all(Array.from({ length: POOLS_AT_ONCE }, worker));
  if (failed.length > 0) {
    throw new RotationError(`The rotation failed in ${failed.join(', ')}. See the error of each pool in this log.`);
  }
}

function report({ ageMs, ...result }: RotationResult, { log, reportAge }: RotateDeps): void {
  const ageDays = ageMs === undefined ? undefined : Math.round((ageMs / DAY_MS) * 100) / 100;
  const line = { message: messageOf(result), ...result, ageDays };
  if (result.outcome === 'blocked' || result.unknownTokens !== undefined) log.warn(line);
  else log.info(line);
  if (ageDays !== undefined) reportAge(result.pool, ageDays);
}

function messageOf({ pool, outcome, stored, unknownTokens }: Omit<RotationResult, 'ageMs'>): string {
  const command = `agent-launcher rotate --pool ${pool}`;
  const sentences = [
    stored !== undefined && 'A new agent token is in the secret.',
    outcome === 'rested' && stored === undefined && 'Nothing else to do.',
    outcome === 'waiting' && 'The old one works until no task may use it.',
    outcome === 'blocked' &&
      `The old one still works, because agents that this stack did not start may use it. When they don't, run: ${command} --force`,
    outcome === 'deferred' &&
      'Another run seems to be about to store a new token. If none does, a later invocation revokes it ten minutes after its creation, and creates another one.',
    unknownTokens !== undefined &&
      `The value before was stored by hand, so its token is unknown and may still work. If it is one of these tokens, run: ${command} --old-token ID`,
  ];
  return sentences.filter((sentence) => sentence !== false).join(' ');
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
