/** Something prevents a rotation. The message says what happened and what to do, and contains no token. */
export class RotationError extends Error {
  override readonly name = 'RotationError';
}
