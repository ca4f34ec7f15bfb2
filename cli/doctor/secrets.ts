/** Reads the secrets' metadata; and their values, if the user asked for it. A value never leaves this file. */
import { DescribeSecretCommand, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { secretReference } from '../../lib/settings/secret-reference.ts';
import { nameOfAwsError } from '../aws/errors.ts';
import type { Context } from '../context.ts';
import type { Finding } from '../core/doctor/findings.ts';
import { checkSecret, type SecretFacts, shapeOf, shapeOfKey, type ValueShape } from '../core/doctor/secrets.ts';
import type { SecretUse } from '../core/doctor/target.ts';
import type { TargetCheckup } from './doctor.ts';
import { observe } from './observe.ts';

/**
 * The API token is read anyway, to ask HCP Terraform with it: only the launcher's own token shows whether the launcher works. The other values
 * are read with `--read-secrets` only, because AWS records each read, and agent tokens belong to the tasks.
 */
export async function secretFindings({ context, target, options }: TargetCheckup): Promise<Finding[]> {
  const all = await Promise.all(
    target.secrets.map(async (use) => {
      const readsValue = options.readSecrets || use.kind === 'api-token';
      return checkSecret(use, await observe(() => secretFacts(context, use, readsValue)));
    }),
  );
  return all.flat();
}

async function secretFacts(context: Context, use: SecretUse, readsValue: boolean): Promise<SecretFacts | undefined> {
  const secrets = await context.aws.secretsManager();
  try {
    const answer = await secrets.send(new DescribeSecretCommand({ SecretId: secretReference(use.id).id }));
    const stages = Object.values(answer.VersionIdsToStages ?? {}).flat();
    const hasValue = stages.includes('AWSCURRENT');
    const isReadable = readsValue && hasValue && answer.DeletedDate === undefined;
    return {
      hasValue,
      ...(answer.DeletedDate !== undefined && { deletedAt: answer.DeletedDate.getTime() }),
      ...(isCustomKey(answer.KmsKeyId) && { kmsKeyId: answer.KmsKeyId }),
      ...(isReadable && { value: await observe(() => shape(context, use)) }),
    };
  } catch (error) {
    if (nameOfAwsError(error) === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

async function shape({ aws }: Context, { id: reference, kind }: SecretUse): Promise<ValueShape> {
  const { id, jsonKey } = secretReference(reference);
  const secrets = await aws.secretsManager();
  const { SecretString = '' } = await secrets.send(new GetSecretValueCommand({ SecretId: id }));
  return jsonKey === undefined ? shapeOf(kind, SecretString) : shapeOfKey(kind, SecretString, jsonKey);
}

function isCustomKey(key: string | undefined): key is string {
  return key !== undefined && !key.endsWith('alias/aws/secretsmanager');
}
