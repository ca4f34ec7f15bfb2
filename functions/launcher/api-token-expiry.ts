/**
 * Reports when the API tokens expire.
 *
 * The launcher reads each token's expiry after the ticks of a scheduled invocation: once in a new function instance, and then about every 12
 * hours. A failure is logged and retried later. It never fails an invocation, and a short timeout limits how long an invocation waits.
 */
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { METRICS, POOL_DIMENSION } from './contract.ts';
import { secretNameOf } from './core/secret-reference.ts';
import { daysUntil, type TokenExpiry } from './core/token-expiry.ts';
import { UpstreamError } from './errors.ts';
import type { Clock, Pool, TokenExpiries } from './ports.ts';
import type { ReportParts } from './report.ts';

export interface ApiTokenExpiryParts {
  readonly pools: readonly Pool[];
  readonly expiries: TokenExpiries;
  readonly clock: Clock;
  readonly logger: Pick<ReportParts['logger'], 'info' | 'warn'>;
  readonly metrics: ReportParts['metrics'];
}

/** Time between two readings of a token. The alarm needs at least one per day. */
const READ_EVERY_MS = 12 * 3_600_000;

/** Time until the next reading after a failure. */
const RETRY_AFTER_MS = 3_600_000;

/** Longest time that the readings of an invocation take together. */
const READ_WITHIN_MS = 4_000;

/** With less time left, the next scheduled invocation reads. */
const LEAST_MS = 1_000;

/** The memory of one function instance. */
export class ApiTokenExpiry {
  readonly #parts: ApiTokenExpiryParts;
  /** When to read each token next, by its secret. */
  readonly #nextMs = new Map<string, number>();
  /** Secrets whose last reading failed. */
  readonly #failed = new Set<string>();

  constructor(parts: ApiTokenExpiryParts) {
    this.#parts = parts;
  }

  /**
   * Reads and reports the expiry of each token whose time has come. Never rejects.
   *
   * @param deadlineMs - time by which all work must have ended, in epoch milliseconds.
   */
  async report(deadlineMs: number): Promise<void> {
    const { clock, pools } = this.#parts;
    const nowMs = clock.now();
    const leftMs = Math.min(READ_WITHIN_MS, deadlineMs - nowMs);
    const bySecret = Map.groupBy(pools, ({ apiTokenSecret }) => apiTokenSecret);
    const due = [...bySecret].filter(([secret]) => nowMs >= (this.#nextMs.get(secret) ?? nowMs));
    if (due.length === 0 || leftMs < LEAST_MS) return;
    const signal = clock.timeout(leftMs);
    await Promise.all(due.map(([secret, its]) => this.#report(secret, its, signal)));
  }

  async #report(secret: string, pools: readonly Pool[], signal: AbortSignal): Promise<void> {
    const { expiries, clock } = this.#parts;
    try {
      const expiry = await expiries.expiryOf(secret, signal);
      this.#nextMs.set(secret, clock.now() + READ_EVERY_MS);
      this.#failed.delete(secret);
      this.#write(secret, pools, expiry);
    } catch (error) {
      this.#nextMs.set(secret, clock.now() + RETRY_AFTER_MS);
      this.#warnOnce(secret, error);
    }
  }

  #write(secret: string, pools: readonly Pool[], expiry: TokenExpiry): void {
    const { logger, metrics, clock } = this.#parts;
    const names = pools.map(({ name }) => name);
    if (typeof expiry === 'string') {
      logger.info('API token expiry', { secret: secretNameOf(secret), pools: names, expires: expiry });
      return;
    }
    const daysLeft = Math.max(0, daysUntil(expiry, clock.now()));
    const expires = new Date(expiry).toISOString();
    logger.info('API token expiry', { secret: secretNameOf(secret), pools: names, expires, daysLeft });
    for (const name of names) {
      metrics.addDimension(POOL_DIMENSION, name);
      metrics.addMetric(METRICS.apiTokenDaysLeft, MetricUnit.Count, daysLeft);
      metrics.publishStoredMetrics();
    }
  }

  /** Logs the first failure of several in a row. An unexpected exception could contain a secret, so the line has only its kind. */
  #warnOnce(secret: string, error: unknown): void {
    if (this.#failed.has(secret)) return;
    this.#failed.add(secret);
    const kind = error instanceof Error ? error.constructor.name : typeof error;
    this.#parts.logger.warn('the expiry of the API token could not be read', {
      secret: secretNameOf(secret),
      message: error instanceof UpstreamError ? error.message : `unexpected ${kind}`,
      remedy: 'jobs are not affected; the launcher tries again in an hour',
    });
  }
}
