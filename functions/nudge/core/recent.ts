/** Number of signatures that a warm function remembers: 128 characters each, so less than half a megabyte. */
const MOST = 1_000;

/**
 * The signatures of the last requests that were handled completely. HCP Terraform's payloads contain the run, its status and a time or a
 * token, so two events never have the same signature. A second request with the same one is a repetition, and needs no work.
 *
 * This memory only saves work: another environment of the function doesn't have it, and a repeated nudge is harmless.
 */
export class RecentSignatures {
  readonly #signatures = new Set<string>();

  has(signature: string): boolean {
    return this.#signatures.has(signature);
  }

  add(signature: string): void {
    this.#signatures.add(signature);
    if (this.#signatures.size <= MOST) return;
    for (const oldest of this.#signatures) {
      this.#signatures.delete(oldest);
      return;
    }
  }
}
