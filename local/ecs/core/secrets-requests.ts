import * as z from 'zod';

/** Inputs of Secrets Manager, https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html */

const token = z
  .string()
  .min(32, 'ClientRequestToken must be at least 32 characters long.')
  .max(64, 'ClientRequestToken must be at most 64 characters long.')
  .optional();
const secretString = z
  .string()
  .min(1, 'SecretString must not be empty.')
  .max(65_536, 'SecretString is too long.')
  .optional();
const secretBinary = z.string().optional();
const page = z.int().min(1, 'MaxResults must be 1 to 100.').max(100, 'MaxResults must be 1 to 100.').default(100);
const secretId = z
  .string({ error: 'You must provide a value for the SecretId parameter.' })
  .min(1, 'SecretId must not be empty.')
  .max(2048, 'SecretId is too long.');

const oneValue = (value: { SecretString?: string | undefined; SecretBinary?: string | undefined }): boolean =>
  value.SecretString === undefined || value.SecretBinary === undefined;
const oneValueText = "You can't specify both a binary secret value and a string secret value in the same secret.";

export const createRequest = z
  .object({
    Name: z
      .string()
      .regex(
        /^[A-Za-z0-9/_+=.@-]{1,512}$/,
        'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
      ),
    ClientRequestToken: token,
    Description: z.string().max(2048).optional(),
    KmsKeyId: z.string().max(2048).optional(),
    SecretString: secretString,
    SecretBinary: secretBinary,
    Tags: z
      .array(z.object({ Key: z.string().min(1).max(128), Value: z.string().max(256).default('') }))
      .max(50)
      .default([]),
  })
  .refine(oneValue, oneValueText);

export const getValueRequest = z.object({
  SecretId: secretId,
  VersionId: z.string().optional(),
  VersionStage: z.string().optional(),
});

export const putValueRequest = z
  .object({
    SecretId: secretId,
    ClientRequestToken: token,
    SecretString: secretString,
    SecretBinary: secretBinary,
    VersionStages: z.array(z.string().min(1).max(256)).min(1).max(20).default(['AWSCURRENT']),
  })
  .refine(oneValue, oneValueText)
  .refine(
    (value) => value.SecretString !== undefined || value.SecretBinary !== undefined,
    'You must provide either SecretString or SecretBinary.',
  );

export const updateRequest = z
  .object({
    SecretId: secretId,
    ClientRequestToken: token,
    Description: z.string().max(2048).optional(),
    KmsKeyId: z.string().max(2048).optional(),
    SecretString: secretString,
    SecretBinary: secretBinary,
  })
  .refine(oneValue, oneValueText);

export const secretIdRequest = z.object({ SecretId: secretId });

export const listRequest = z.object({
  IncludePlannedDeletion: z.boolean().default(false),
  MaxResults: page,
  NextToken: z.string().optional(),
  Filters: z
    .array(
      z.object({
        Key: z.enum(['description', 'name', 'tag-key', 'tag-value', 'primary-region', 'owning-service', 'all']),
        Values: z.array(z.string()).min(1),
      }),
    )
    .default([]),
});

export const versionsRequest = z.object({
  SecretId: secretId,
  MaxResults: page,
  NextToken: z.string().optional(),
  IncludeDeprecated: z.boolean().default(false),
});

export const stageRequest = z.object({
  SecretId: secretId,
  VersionStage: z.string().min(1).max(256),
  RemoveFromVersionId: z.string().optional(),
  MoveToVersionId: z.string().optional(),
});

export const deleteRequest = z.object({
  SecretId: secretId,
  RecoveryWindowInDays: z
    .int()
    .min(7, 'The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).')
    .max(30, 'The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).')
    .optional(),
  ForceDeleteWithoutRecovery: z.boolean().default(false),
});
