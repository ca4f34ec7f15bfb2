/** The configuration is wrong, or the HMAC key can't be read. The message says what to do, and contains no secret. */
export class NudgeError extends Error {
  override readonly name = 'NudgeError';
}
