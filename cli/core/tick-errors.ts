/** Errors of a tick in the launcher's log: what they say, and what to do. */
import type { PoolLine } from '../../functions/launcher/log-lines.ts';
import { newApiToken, rejectedTokenSecret } from './api-token.ts';

export type TickError = NonNullable<PoolLine['errors']>[number];

/** The message with the system in front of it, once. */
export function describeError({ system, message }: Pick<TickError, 'system' | 'message'>): string {
  return message.startsWith(`${system}: `) ? message : `${system}: ${message}`;
}

export function isRefusedByHcpTerraform({ system, fault }: Pick<TickError, 'system' | 'fault'>): boolean {
  return system === 'HCP Terraform' && fault === 'rejected';
}

export function remedyOfError(error: TickError): string {
  const secret = rejectedTokenSecret(error.message);
  if (secret !== undefined) {
    return [...newApiToken(secret), 'The launcher reads the secret again within a minute.'].join(' ');
  }
  const heading = isRefusedByHcpTerraform(error) ? 'API token rejected' : 'Ticks fail';
  return `Do what the message says. Background: docs/runbook.md, "${heading}".`;
}
