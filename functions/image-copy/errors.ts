/** The image can't be copied. The message goes into the stack's events, so it says what to do. */
export class ImageCopyError extends Error {
  override readonly name = 'ImageCopyError';
}
