import type { ImageCopyError } from '../errors.ts';

export interface LayerFailure {
  /** Ends when the time for the copy is over. */
  readonly signal: AbortSignal;
  /** Makes the error. @param what - what happened to the layer, without a period */
  readonly error: (what: string) => ImageCopyError;
}

/** Reads the bytes of a layer. If the connection breaks, the error of `fetch` says only "terminated", so it is replaced here. */
export async function* layerBody(
  body: AsyncIterable<Uint8Array>,
  { signal, error }: LayerFailure,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    throw error(signal.aborted ? 'did not arrive in time' : `was interrupted: ${messageOf(cause)}`);
  }
}

/** The innermost message: `fetch` itself says only "fetch failed" or "terminated". */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `${error}`;
  return error.cause instanceof Error ? error.cause.message : error.message;
}
