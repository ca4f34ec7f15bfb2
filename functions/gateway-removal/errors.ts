/** The gateways can't be removed. The message appears in the stack's events, so it says what to do. */
export class GatewayRemovalError extends Error {
  override readonly name = 'GatewayRemovalError';
}

/** EC2 gave no usable answer. The next attempt may work. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
}
