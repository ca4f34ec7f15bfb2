import { ApiError } from '../../aws/core/api-error.ts';
import type { SecretAnswer } from './lifecycle.ts';
import { secretDenied, secretUnavailable } from './wording.ts';

/** What container secrets need from Secrets Manager. */
export interface SecretSource {
  value(input: { readonly SecretId: string; readonly VersionId?: string; readonly VersionStage?: string }): {
    readonly ARN: string;
    readonly SecretString?: string | undefined;
  };
}

/**
 * The value of a container's `secrets[].valueFrom`: a secret's name or ARN. A full ARN may be followed by
 * `:json-key:version-stage:version-id`,
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
 *
 * @param allowed whether the execution role may read the secret of this ARN
 */
export function containerSecret(
  source: SecretSource,
  valueFrom: string,
  executionRoleArn: string | undefined,
  allowed: (secretArn: string, executionRoleArn: string) => boolean,
): SecretAnswer {
  const { id, key, stage, version } = parseValueFrom(valueFrom);
  try {
    const secret = source.value({
      SecretId: id,
      ...(version === '' ? {} : { VersionId: version }),
      ...(stage === '' ? {} : { VersionStage: stage }),
    });
    const role = executionRoleArn ?? '';
    if (!allowed(secret.ARN, role)) return { failure: secretUnavailable(valueFrom, secretDenied(role, secret.ARN)) };
    if (secret.SecretString === undefined) {
      return { failure: secretUnavailable(valueFrom, 'the secret value is not a string') };
    }
    if (key === '') return { value: secret.SecretString };
    const value = memberOf(secret.SecretString, key);
    return value === undefined
      ? {
          failure: secretUnavailable(
            valueFrom,
            `retrieved secret from Secrets Manager did not contain json key ${key}`,
          ),
        }
      : { value };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { failure: secretUnavailable(valueFrom, `${error.code}: ${error.message}`) };
  }
}

function parseValueFrom(valueFrom: string): { id: string; key: string; stage: string; version: string } {
  const parts = valueFrom.split(':');
  if (parts[0] !== 'arn') return { id: valueFrom, key: '', stage: '', version: '' };
  const [key = '', stage = '', version = ''] = parts.slice(7);
  return { id: parts.slice(0, 7).join(':'), key, stage, version };
}

function memberOf(json: string, key: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    const member: unknown = Reflect.get(value, key);
    return typeof member === 'string' ? member : JSON.stringify(member);
  } catch {
    return undefined;
  }
}
