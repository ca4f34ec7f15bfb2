/** Ends the work of a command after Ctrl-C, unless the command has begun to change something. */

/** The user stopped the command. It isn't a `CommandError`, so that no command continues without what it was about to read. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Until the first change, Ctrl-C rejects every request with {@link Interrupted}. After it, the command itself decides where it stops: an
 * agent token that exists in HCP Terraform must still get into its secret, or be revoked.
 */
export class Interruption {
  readonly #signal: AbortSignal;
  #held = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether the command decides itself where it stops. */
  get isHeld(): boolean {
    return this.#held;
  }

  /** From now on, no request is aborted. */
  hold(): void {
    this.#held = true;
  }

  /** Sends a request that changes nothing. */
  async read<T>(request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#check();
    const controller = new AbortController();
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => {
      if (this.#held) return;
      controller.abort();
      aborted.reject(new Interrupted('Interrupted'));
    };
    this.#signal.addEventListener('abort', abort);
    try {
      return await Promise.race([request(controller.signal), aborted.promise]);
    } finally {
      this.#signal.removeEventListener('abort', abort);
    }
  }

  /** Sends a request that changes something. */
  async change<T>(request: () => Promise<T>): Promise<T> {
    this.#check();
    this.hold();
    return request();
  }

  #check(): void {
    if (this.#signal.aborted && !this.#held) throw new Interrupted('Interrupted');
  }
}
