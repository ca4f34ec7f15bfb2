/**
 * `clientToken` of RunTask, https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
 *
 * A token belongs to one cluster. The same token with the same parameters answers with the tasks of the first call,
 * whatever became of them; with other parameters it is a conflict that names them. A call that launched nothing
 * leaves no trace, so its token can be used again.
 */

export interface TokenRules {
  /** How long a token is remembered. The vendor's is 24 hours. */
  readonly ttlMs: number;
  /**
   * The vendor names a second, smaller bound tied to the task's life without a figure: when set, a token is also
   * forgotten this long after its last task stopped.
   */
  readonly afterStoppedMs?: number;
}

export const VENDOR_TOKEN_RULES: TokenRules = { ttlMs: 24 * 3_600_000 };

/** What the rules must know of a task. */
export interface TokenTask {
  readonly arn: string;
  /** Milliseconds since the epoch; absent while it lives. */
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

  /** What a call with this token is: new, a repetition, or a conflict. */
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

  /** Ties the token to the tasks that its call launched. */
  remember(cluster: string, token: string, fingerprint: string, tasks: readonly Task[], nowMs: number): void {
    if (tasks.length === 0) return;
    // In order of insertion, hence of age: the expired ones are at the front.
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

/** The same text for the same parameters, in whatever order their members were written. */
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
