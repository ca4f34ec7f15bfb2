import { Resource, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { secretReferenceText } from '../../functions/launcher/core/secret-reference.ts';

/** The `SecretId` for GetSecretValue: the complete ARN if it is known, otherwise the name. */
export function secretId(secret: ISecret): string {
  return secret.secretFullArn ?? secret.secretName;
}

/** The secret with a key of its JSON object, in the form of the launcher's variables. */
export function secretReferenceOf(secret: ISecret, jsonKey: string | undefined): string {
  return secretReferenceText({ id: secretId(secret), jsonKey });
}

/**
 * A secret's ARN ends in six random characters. They are unknown if the secret is configured by name, but IAM compares the
 * complete ARN. So the ARN in the policy ends in six question marks, which match exactly these characters.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
 */
export function secretArnInPolicies(secret: ISecret): string {
  return secret.secretFullArn ?? `${secret.secretArn}-??????`;
}

/** The customer managed key of a secret. @param imported the key of secrets that the app doesn't create */
function keyOf(secret: ISecret, imported: IKey | undefined): IKey | undefined {
  return secret.encryptionKey ?? (Resource.isOwnedResource(secret) ? undefined : imported);
}

/**
 * The permissions to decrypt secrets, one statement per customer managed key; empty if the secrets have none. Secrets Manager decrypts
 * a value with the permissions of its reader: https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
 * The key can decrypt nothing else for the reader, because every request names the secret in its encryption context.
 */
export function decryptStatements(
  scope: Construct,
  secrets: readonly ISecret[],
  imported: IKey | undefined,
): iam.PolicyStatement[] {
  return keyStatements(scope, secrets, imported, ['kms:Decrypt']);
}

/** Like {@link decryptStatements}, for a role that stores values. */
export function encryptStatements(
  scope: Construct,
  secrets: readonly ISecret[],
  imported: IKey | undefined,
): iam.PolicyStatement[] {
  return keyStatements(scope, secrets, imported, ['kms:Decrypt', 'kms:GenerateDataKey']);
}

function keyStatements(
  scope: Construct,
  secrets: readonly ISecret[],
  imported: IKey | undefined,
  actions: string[],
): iam.PolicyStatement[] {
  const { region, urlSuffix } = Stack.of(scope);
  const byKey = Map.groupBy(secrets, (secret) => keyOf(secret, imported)?.keyArn);
  return [...byKey].flatMap(([keyArn, its]) => {
    if (keyArn === undefined) return [];
    const statement = new iam.PolicyStatement({
      actions,
      resources: [keyArn],
      conditions: {
        StringEquals: { 'kms:ViaService': `secretsmanager.${region}.${urlSuffix}` },
        StringLike: { 'kms:EncryptionContext:SecretARN': its.map(secretArnInPolicies) },
      },
    });
    return [statement];
  });
}

/**
 * The secret without its key, so that the CDK doesn't also grant the use of the key, which `decryptStatements` does. Use it for grants and
 * its ARN only: if the ARN is known only at deployment, the CDK counts the random characters at its end as part of the name.
 */
export function withoutKey(scope: Construct, id: string, secret: ISecret): ISecret {
  if (secret.encryptionKey === undefined) return secret;
  const { secretFullArn: secretCompleteArn, secretArn: secretPartialArn } = secret;
  return Secret.fromSecretAttributes(
    scope,
    id,
    secretCompleteArn === undefined ? { secretPartialArn } : { secretCompleteArn },
  );
}
