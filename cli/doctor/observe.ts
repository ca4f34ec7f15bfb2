/** Turns the failure of one read into a fact, so that every other check still runs. */
import * as z from 'zod';
import { AwsCliError } from '../../lib/network-check/aws-cli.ts';
import { isAccessDenied } from '../aws/errors.ts';
import type { Failure, Observed } from '../core/doctor/findings.ts';
import { HcpTerraformError } from '../hcp-terraform/client.ts';
import { CommandError } from '../io.ts';

/** Rejects only if `read` fails because of a fault of this command. */
export async function observe<T>(read: () => Promise<T>): Promise<Observed<T>> {
  try {
    return { value: await read() };
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    return { failure };
  }
}

/** What a service's failure means; `undefined` for a fault of this command. */
export function failureOf(error: unknown): Failure | undefined {
  if (error instanceof HcpTerraformError) {
    return {
      reason: firstLine(error.message),
      kind: error.status === 403 || error.status === 404 ? 'denied' : 'failed',
    };
  }
  // The finding says what could not be read, so AWS's own words are enough.
  if (error instanceof CommandError && error.cause instanceof Error && isOfAws(error.cause)) {
    return failureOf(error.cause);
  }
  if (error instanceof CommandError || error instanceof AwsCliError) {
    return { reason: firstLine(error.message), kind: isAccessDenied(error.cause) ? 'denied' : 'failed' };
  }
  if (error instanceof z.ZodError) return { reason: 'the answer has another form than documented', kind: 'failed' };
  if (!(error instanceof Error) || !isOfAws(error)) return undefined;
  const name = error.name === 'Error' ? codeOf(error) : error.name;
  return {
    reason: `${firstLine(error.message || 'no answer')}${name === '' || error.message.includes(name) ? '' : ` (${name})`}`,
    kind: isAccessDenied(error) ? 'denied' : 'failed',
  };
}

/** Errors of the SDK: an answer of the service, no answer, or no credentials and region. */
function isOfAws(error: Error): boolean {
  return (
    '$metadata' in error ||
    '$fault' in error ||
    'tryNextLink' in error ||
    ('code' in error && typeof error.code === 'string') ||
    ['CredentialsProviderError', 'TokenProviderError', 'TimeoutError', 'AbortError', 'AggregateError'].includes(
      error.name,
    ) ||
    error.message.includes('Region is missing')
  );
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
