/** Turns errors of the SDK into messages that say what to do. */
import { Interrupted } from '../interruption.ts';
import { CommandError } from '../io.ts';

const REMEDIES: Readonly<Record<string, string>> = {
  CredentialsProviderError:
    'No AWS credentials were found. Sign in as for the AWS CLI (for example `aws sso login`), or pass --profile.',
  ExpiredToken: 'The AWS credentials have expired. Sign in again.',
  ExpiredTokenException: 'The AWS credentials have expired. Sign in again.',
  UnrecognizedClientException: 'AWS does not know the access key. Check the profile and the region.',
  InvalidClientTokenId: 'AWS does not know the access key. Check the profile and the region.',
  InvalidSignatureException: 'AWS rejected the signature. Check the secret access key and the clock of this machine.',
  SignatureDoesNotMatch: 'AWS rejected the signature. Check the secret access key and the clock of this machine.',
};

/** Names of the error that AWS uses if a permission is missing. */
const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'UnauthorizedOperation',
  'AuthorizationError',
  // The SDK's name of SNS's AuthorizationError.
  'AuthorizationErrorException',
]);

/** The error's name as AWS reports it; empty if it isn't an error of AWS. */
export function nameOfAwsError(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** Whether AWS refused the request because a permission is missing. */
export function isAccessDenied(error: unknown): boolean {
  return DENIED.has(nameOfAwsError(error));
}

/**
 * The error for the user.
 *
 * @param doing what the command tried, in the form "read the stack AgentLauncher"
 */
export function awsFailure(doing: string, error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  const name = nameOfAwsError(error);
  const message = error instanceof Error ? error.message : String(error);
  const remedy = isAccessDenied(error)
    ? 'Ask for the permission that the message names.'
    : message.includes('Region is missing')
      ? 'Pass --region, or set AWS_REGION.'
      : (REMEDIES[name] ?? 'Check the region, the profile and the network.');
  // The name of an ordinary error says nothing.
  const code = name === '' || name === 'Error' ? '' : ` (${name})`;
  return new CommandError(`Could not ${doing}: ${message}${code}\n${remedy}`, { cause: error });
}

/** Waits for the answer of AWS. Rejects with {@link awsFailure}, or with `Interrupted`. */
export async function ask<T>(doing: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    throw awsFailure(doing, error);
  }
}
