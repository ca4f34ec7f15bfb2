/** The image can't be copied. The message appears in the stack's events, so it says what to do. */
export class ImageCopyError extends Error {
  override readonly name = 'ImageCopyError';
}

/** Replaces a timeout of the SDK with an error that says which request got no answer. */
export function inTime(service: string, operation: string, signal: AbortSignal): (error: unknown) => never {
  return (error) => {
    const timedOut = signal.aborted || (error instanceof Error && error.name === 'TimeoutError');
    throw timedOut ? new ImageCopyError(`${service} did not answer ${operation} in time. Deploy again.`) : error;
  };
}
