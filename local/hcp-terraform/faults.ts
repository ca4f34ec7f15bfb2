/** Faults of API requests, and the record of the requests. */

/** One API request, recorded after its response. */
export interface ApiCall {
  readonly method: string;
  /** Path with the query. */
  readonly path: string;
  readonly status: number;
}

/** `error`: the route doesn't run, and the client gets the status. `lost-response`: the route runs, and the connection breaks. */
export type Fault =
  | { readonly kind: 'error'; readonly status: number; readonly title: string }
  | { readonly kind: 'lost-response' };

interface Waiting {
  readonly method: string;
  readonly path: RegExp;
  readonly fault: Fault;
}

/** Faults that wait for a matching request, in the order in which they were added. */
export class Faults {
  readonly #waiting = new Set<Waiting>();

  /** Adds a fault for the next request with this method and a path that matches. @returns a function that removes it */
  next(method: string, path: RegExp, fault: Fault): () => void {
    const entry = { method, path, fault };
    this.#waiting.add(entry);
    return () => this.#waiting.delete(entry);
  }

  /** Takes the fault of this kind for the request, if there is one. */
  take<Kind extends Fault['kind']>(
    method: string,
    path: string,
    kind: Kind,
  ): Extract<Fault, { readonly kind: Kind }> | undefined {
    for (const entry of this.#waiting) {
      if (entry.fault.kind !== kind || entry.method !== method || !entry.path.test(path)) continue;
      this.#waiting.delete(entry);
      return entry.fault as Extract<Fault, { readonly kind: Kind }>;
    }
    return undefined;
  }
}
