/**
 * Copies a registry's image into the stack's own ECR repository while the stack is deployed. CloudFormation invokes it as
 * a custom resource and waits for an answer at the event's URL, so every invocation answers.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
 */
import { ECRClient } from '@aws-sdk/client-ecr';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { CloudFormationCustomResourceEvent, Context } from 'aws-lambda';
import * as z from 'zod';
import { EcrRepository } from './adapters/ecr.ts';
import { loginIn, Registry, type RegistryCredentials } from './adapters/registry.ts';
import { DIGEST_ATTRIBUTE } from './contract.ts';
import { copyImage } from './copy-image.ts';
import { ImageCopyError, inTime } from './errors.ts';

/** Without this, the SDK waits forever for an answer. It repeats a request that timed out. */
const limits = { connectionTimeout: 5_000, requestTimeout: 60_000, throwOnRequestTimeout: true };
const ecr = new ECRClient({ requestHandler: limits });
const secrets = new SecretsManagerClient({ requestHandler: limits });

/** Time at the end of an invocation that is reserved for sending the answer. */
const ANSWER_MS = 20_000;

/** Attempts to send the answer, and the timeout of each: together less than {@link ANSWER_MS}. */
const ANSWER_ATTEMPTS = 3;
const ANSWER_ATTEMPT_MS = 5_000;

const properties = z.object({
  Registry: z.string(),
  Repository: z.string(),
  Reference: z.string(),
  Architecture: z.enum(['amd64', 'arm64']),
  TargetRepository: z.string(),
  TargetTag: z.string(),
  CredentialsSecret: z.string().optional(),
  CredentialsJsonKey: z.string().optional(),
});

export async function handler(event: CloudFormationCustomResourceEvent, context: Context): Promise<void> {
  await answer(event, await outcome(event, context));
}

interface Outcome {
  readonly Status: 'SUCCESS' | 'FAILED';
  readonly Reason?: string;
  readonly Data?: Readonly<Record<string, string>>;
}

/** Never throws: without an answer, CloudFormation waits until its timeout. */
async function outcome(event: CloudFormationCustomResourceEvent, context: Context): Promise<Outcome> {
  try {
    // Don't delete images: agents may still use them. They are deleted together with the repository.
    if (event.RequestType === 'Delete') return { Status: 'SUCCESS' };
    return { Status: 'SUCCESS', Data: { [DIGEST_ATTRIBUTE]: await copied(event, context) } };
  } catch (error) {
    const reason = error instanceof Error ? error.message : `${error}`;
    console.error(reason);
    return { Status: 'FAILED', Reason: reason.slice(0, 1_000) };
  }
}

async function copied(event: CloudFormationCustomResourceEvent, context: Context): Promise<string> {
  const wanted = properties.parse(event.ResourceProperties);
  const signal = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - ANSWER_MS));
  const credentials = await credentialsIn(wanted.CredentialsSecret, wanted.CredentialsJsonKey, signal);
  const source = new Registry({
    host: wanted.Registry,
    repository: wanted.Repository,
    fetch,
    signal,
    ...(credentials !== undefined && { credentials }),
  });
  const image = { reference: wanted.Reference, architecture: wanted.Architecture, targetTag: wanted.TargetTag };
  return copyImage(image, source, new EcrRepository(ecr, wanted.TargetRepository, signal));
}

async function credentialsIn(
  secretId: string | undefined,
  jsonKey: string | undefined,
  signal: AbortSignal,
): Promise<RegistryCredentials | undefined> {
  if (secretId === undefined) return undefined;
  const { SecretString = '' } = await secrets
    .send(new GetSecretValueCommand({ SecretId: secretId }), { abortSignal: signal })
    .catch(inTime('Secrets Manager', 'GetSecretValue', signal));
  const login = loginIn(SecretString, jsonKey);
  if (login !== undefined) return login;
  throw new ImageCopyError(
    jsonKey === undefined
      ? `The secret ${secretId} does not contain a registry login. Its string must be {"username": "…", "password": "…"}. If the login is under a key, set the key in agentImage.credentialsSecret.`
      : `The secret ${secretId} does not contain a registry login under the key ${jsonKey}. Its string must be {"${jsonKey}": {"username": "…", "password": "…"}}; other keys are possible. The login can also be a string with this JSON.`,
  );
}

/** Sends the answer, and tries again on failure. Without an answer, the deployment would wait until its timeout. */
async function answer(event: CloudFormationCustomResourceEvent, result: Outcome): Promise<void> {
  const { StackId, RequestId, LogicalResourceId } = event;
  const PhysicalResourceId = 'PhysicalResourceId' in event ? event.PhysicalResourceId : LogicalResourceId;
  const body = JSON.stringify({ ...result, StackId, RequestId, LogicalResourceId, PhysicalResourceId });
  for (let attempt = 1; ; attempt += 1) {
    const fault = await faultOfPut(event.ResponseURL, body);
    if (fault === undefined) return;
    // The URL is signed, so it isn't logged.
    console.error(`CloudFormation did not accept the answer: ${fault}`);
    if (attempt === ANSWER_ATTEMPTS) throw new Error(`CloudFormation did not accept the answer: ${fault}`);
  }
}

async function faultOfPut(url: string, body: string): Promise<string | undefined> {
  try {
    const { ok, status } = await fetch(url, {
      method: 'PUT',
      body,
      headers: { 'content-type': '' },
      signal: AbortSignal.timeout(ANSWER_ATTEMPT_MS),
    });
    return ok ? undefined : `status ${status}`;
  } catch (error) {
    return error instanceof Error ? error.name : 'an unknown error';
  }
}
