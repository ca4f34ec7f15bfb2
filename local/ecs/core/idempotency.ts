/**
 * `clientToken` of RunTask, https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
 *
 * A client token belongs to one cluster. A repeated token with the same parameters returns the tasks of the first call, in any
 * state. With different parameters, it causes a conflict error that contains these tasks. AWS doesn't document whether a call that
 * launched nothing uses up its token, so that is configurable.
 */

export interface TokenRules {
  /** Lifetime of a client token. In AWS, it is 24 hours. */
  readonly ttlMs: number;
  /**
   * If set, a token also expires this long after its last task stopped. AWS mentions such a limit without a number.
   */
  readonly afterStoppedMs?: number;
  /** Whether a call that launched nothing uses up its token. Default: no. */
  readonly failedLaunchUsesToken?: boolean;
}

export const VENDOR_TOKEN_RULES: TokenRules = { ttlMs: 24 * 3_600_000 };

/** The part of a task that the rules need. */
export interface TokenTask {
  readonly arn: string;
  /** Milliseconds since the epoch; absent while the task is live. */
  readonly stoppedAt?: number | undefined;
}

/** The tasks that a call launched, and the reasons why it launched no more. */
export interface Launched<Task> {
  readonly tasks: readonly Task[];
  readonly failures: readonly { readonly arn?: string; readonly reason: string }[];
}

interface Entry<Task> {
  readonly fingerprint: string;
  readonly at: number;
  readonly launched: Launched<Task>;
}

export type TokenAnswer<Task> =
  | { readonly kind: 'new' }
  | { readonly kind: 'repeated'; readonly launched: Launched<Task> }
  | { readonly kind: 'conflict'; readonly taskArns: readonly string[] };

export class ClientTokens<Task extends TokenTask> {
  readonly #rules: TokenRules;
  readonly #entries = new Map<string, Entry<Task>>();

  constructor(rules: TokenRules = VENDOR_TOKEN_RULES) {
    this.#rules = rules;
  }

  /** Whether a call with this token is new, a repetition, or a conflict. */
  look(cluster: string, token: string, fingerprint: string, nowMs: number): TokenAnswer<Task> {
    const key = tokenKey(cluster, token);
    const entry = this.#entries.get(key);
    if (entry === undefined) return { kind: 'new' };
    if (this.#expired(entry, nowMs)) {
      this.#entries.delete(key);
      return { kind: 'new' };
    }
    if (entry.fingerprint === fingerprint) return { kind: 'repeated', launched: entry.launched };
    return { kind: 'conflict', taskArns: entry.launched.tasks.map(({ arn }) => arn) };
  }

  /** Records the result of the call with this token. */
  remember(cluster: string, token: string, fingerprint: string, launched: Launched<Task>, nowMs: number): void {
    if (launched.tasks.length === 0 && this.#rules.failedLaunchUsesToken !== true) return;
    // The oldest entries come first, so the expired ones are at the front.
    for (const [key, entry] of this.#entries) {
      if (nowMs - entry.at < this.#rules.ttlMs) break;
      this.#entries.delete(key);
    }
    this.#entries.set(tokenKey(cluster, token), { fingerprint, at: nowMs, launched });
  }

  #expired(entry: Entry<Task>, nowMs: number): boolean {
    if (nowMs - entry.at >= this.#rules.ttlMs) return true;
    const { afterStoppedMs } = this.#rules;
    const { tasks } = entry.launched;
    if (afterStoppedMs === undefined || tasks.length === 0) return false;
    return tasks.every(({ stoppedAt }) => stoppedAt !== undefined && nowMs - stoppedAt >= afterStoppedMs);
  }
}

function tokenKey(cluster: string, token: string): string {
  return `${cluster} ${token}`;
}
