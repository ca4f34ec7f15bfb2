/**
 * `clientToken` of RunTask, https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
 *
 * A token belongs to one cluster. A repeated token with the same parameters returns the tasks of the first call, whatever their
 * state is. With other parameters it is a conflict that reports these tasks. A call that launched nothing doesn't use up its
 * token.
 */

export interface TokenRules {
  /** Lifetime of a token. The vendor's is 24 hours. */
  readonly ttlMs: number;
  /**
   * The vendor mentions a second, shorter limit that depends on the task's life, without a number. If set, a token also expires
   * this long after its last task stopped.
   */
  readonly afterStoppedMs?: number;
}

export const VENDOR_TOKEN_RULES: TokenRules = { ttlMs: 24 * 3_600_000 };

/** What the rules need to know about a task. */
export interface TokenTask {
  readonly arn: string;
  /** Milliseconds since the epoch; absent while the task is live. */
  readonly stoppedAt?: number | undefined;
}

interface Entry<Task> {
  readonly fingerprint: string;
  readonly at: number;
  readonly tasks: readonly Task[];
}

export type TokenAnswer<Task> =
  | { readonly kind: 'new' }
  | { readonly kind: 'repeated'; readonly tasks: readonly Task[] }
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
    if (entry.fingerprint === fingerprint) return { kind: 'repeated', tasks: entry.tasks };
    return { kind: 'conflict', taskArns: entry.tasks.map(({ arn }) => arn) };
  }

  /** Records the tasks that the token's call launched. */
  remember(cluster: string, token: string, fingerprint: string, tasks: readonly Task[], nowMs: number): void {
    if (tasks.length === 0) return;
    // Insertion order is the order of age, so the expired ones are at the front.
    for (const [key, entry] of this.#entries) {
      if (nowMs - entry.at < this.#rules.ttlMs) break;
      this.#entries.delete(key);
    }
    this.#entries.set(tokenKey(cluster, token), { fingerprint, at: nowMs, tasks });
  }

  #expired(entry: Entry<Task>, nowMs: number): boolean {
    if (nowMs - entry.at >= this.#rules.ttlMs) return true;
    const { afterStoppedMs } = this.#rules;
    if (afterStoppedMs === undefined) return false;
    return entry.tasks.every(({ stoppedAt }) => stoppedAt !== undefined && nowMs - stoppedAt >= afterStoppedMs);
  }
}

/** The same text for the same parameters, whatever the order of their members is. */
export function fingerprintOf(parameters: unknown): string {
  return JSON.stringify(sorted(parameters));
}

function tokenKey(cluster: string, token: string): string {
  return `${cluster} ${token}`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
