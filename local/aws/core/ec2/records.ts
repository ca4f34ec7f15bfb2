/**
 * The instances of the account, with their recent past: EC2 is eventually consistent, so a read can show what an instance was a moment ago.
 * https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
 */
import type { Instance } from './instance.ts';

interface Version {
  readonly at: number;
  readonly instance: Instance;
}

export class InstanceRecords {
  /** The versions of each instance, oldest first. */
  readonly #versions = new Map<string, Version[]>();
  readonly #lagMs: number;
  readonly #lagOf: (id: string) => number;

  /**
   * @param lagMs maximum age of what reads show
   * @param lagOf age of what the current read shows of an instance. Default: the maximum
   */
  constructor(lagMs: number, lagOf: (id: string) => number = () => lagMs) {
    this.#lagMs = lagMs;
    this.#lagOf = lagOf;
  }

  /** Adds the instance, or its next version. */
  put(instance: Instance, now: number): void {
    const versions = this.#versions.get(instance.id) ?? [];
    this.#versions.set(instance.id, versions);
    // The oldest version that a read can show, and later ones, are needed.
    const shown = versions.findLastIndex(({ at }) => at <= now - this.#lagMs);
    versions.splice(0, Math.max(0, shown));
    versions.push({ at: now, instance });
  }

  delete(id: string): void {
    this.#versions.delete(id);
  }

  /** The instance as it is. */
  get(id: string): Instance | undefined {
    return this.#versions.get(id)?.at(-1)?.instance;
  }

  /** All instances as they are, oldest first. */
  all(): Instance[] {
    return [...this.#versions.values()].flatMap((versions) => versions.at(-1)?.instance ?? []);
  }

  /** The instances as reads show them at this time. */
  shown(now: number): Instance[] {
    return [...this.#versions].flatMap(([id, versions]) => {
      const asOf = now - this.#lagOf(id);
      return versions.findLast(({ at }) => at <= asOf)?.instance ?? [];
    });
  }
}
