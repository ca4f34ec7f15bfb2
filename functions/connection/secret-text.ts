import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ProxyError, UpstreamError } from './errors.ts';
import { isUntrusted, untrustedReason } from './untrusted.ts';

const REMEDIES: Readonly<Record<string, string>> = {
  ResourceNotFoundException:
    'there is no such secret in this account and region; create it, or correct its name in the settings',
  AccessDeniedException:
    'the function’s role is not allowed to read it; if the secret has a customer managed key, the role also needs kms:Decrypt',
  DecryptionFailure: 'it cannot be decrypted; the function’s role needs kms:Decrypt for the secret’s key',
  InvalidRequestException: 'the secret is scheduled for deletion, or has no value; restore it or store a value',
};

/** The string of a secret, without spaces at its ends. Rejects with `UpstreamError`. */
export async function secretText(client: SecretsManagerClient, secretId: string, signal: AbortSignal): Promise<string> {
  const { SecretString = '' } = await client
    .send(new GetSecretValueCommand({ SecretId: secretId }), { abortSignal: signal })
    .catch((error: unknown) => {
      throw unreadable(secretId, error);
    });
  return SecretString.trim();
}

function unreadable(secretId: string, error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error;
  const name = nameOf(error);
  const remedy =
    error instanceof ProxyError ? error.message : isUntrusted(name) ? untrustedReason(name) : REMEDIES[name];
  return new UpstreamError({
    system: 'Secrets Manager',
    fault: error instanceof ProxyError ? error.fault : remedy === undefined ? 'unavailable' : 'rejected',
    what: `secret ${secretId} cannot be read (${name})${remedy === undefined ? '' : `: ${remedy}`}`,
    request: 'GetSecretValue',
    cause: error,
  });
}

/** The exception's name, or the error code if the connection failed. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
