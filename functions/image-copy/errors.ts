/** The image can't be copied. The message goes into the stack's events, so it says what to do. */
export class ImageCopyError extends Error {
  override readonly name = 'ImageCopyError';
}

/** Says which request got no answer. The SDK's own error only says that something was aborted. */
export function inTime(service: string, operation: string, signal: AbortSignal): (error: unknown) => never {
  return (error) => {
    const timedOut = signal.aborted || (error instanceof Error && error.name === 'TimeoutError');
    throw timedOut ? new ImageCopyError(`${service} did not answer ${operation} in time. Deploy again.`) : error;
  };
}
