import { createHmac, timingSafeEqual } from 'node:crypto';

/** Hexadecimal HMAC-SHA512, as HCP Terraform writes it. */
const SIGNATURE = /^[0-9a-f]{128}$/i;

/** Whether the text can be a signature. A request without one isn't worth a look at its body. */
export function looksLikeSignature(text: string | undefined): text is string {
  return text !== undefined && SIGNATURE.test(text);
}

/**
 * Whether the signature is the HMAC-SHA512 of the raw body. The comparison takes the same time for every wrong signature, so an attacker
 * can't find the right one digit by digit.
 * https://developer.hashicorp.com/terraform/cloud-docs/integrations/run-tasks#securing-your-run-task
 */
export function isSignedWith(key: string, body: Buffer, signature: string): boolean {
  const expected = createHmac('sha512', key).update(body).digest();
  return timingSafeEqual(expected, Buffer.from(signature, 'hex'));
}
