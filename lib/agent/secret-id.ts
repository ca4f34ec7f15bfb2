import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';

/** The `SecretId` for GetSecretValue: the complete ARN if it is known, otherwise the name. */
export function secretId(secret: ISecret): string {
  return secret.secretFullArn ?? secret.secretName;
}
