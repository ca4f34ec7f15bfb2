/**
 * Copies a registry's image, or an image that the CDK built, into the stack's own ECR repository while the stack is deployed. CloudFormation invokes it as
 * a custom resource.
 */
import { createHash } from 'node:crypto';
import { ECRClient } from '@aws-sdk/client-ecr';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { CloudFormationCustomResourceDeleteEvent, CloudFormationCustomResourceEvent, Context } from 'aws-lambda';
import * as z from 'zod';
import { answerWith, type Done } from '../connection/custom-resource.ts';
import { EcrRepository } from './adapters/ecr.ts';
import { EcrSource } from './adapters/ecr-source.ts';
import { loginIn, Registry, type RegistryCredentials } from './adapters/registry.ts';
import { DIGEST_ATTRIBUTE } from './contract.ts';
import { copyImage, removeCopy } from './copy-image.ts';
import { type CopyOwner, copyId } from './core/tags.ts';
import { ImageCopyError, inTime } from './errors.ts';
import type { Source } from './ports.ts';

/** Without this, the SDK waits forever for an answer. It repeats a request that timed out. */
const limits = { connectionTimeout: 5_000, requestTimeout: 60_000, throwOnRequestTimeout: true };
const ecr = new ECRClient({ requestHandler: limits });
const secrets = new SecretsManagerClient({ requestHandler: limits });

/** Time at the end of an invocation that is reserved for sending the answer. */
const ANSWER_MS = 20_000;

const properties = z.object({
  Registry: z.string().optional(),
  Repository: z.string(),
  Reference: z.string(),
  Architecture: z.enum(['amd64', 'arm64']),
  TargetRepository: z.string(),
  TargetTag: z.string(),
  CredentialsSecret: z.string().optional(),
  CredentialsJsonKey: z.string().optional(),
});

export async function handler(event: CloudFormationCustomResourceEvent, context: Context): Promise<void> {
  await answerWith(event, () => done(event, context), AbortSignal.timeout);
}

type Properties = z.infer<typeof properties>;

async function done(event: CloudFormationCustomResourceEvent, context: Context): Promise<Done> {
  if (event.RequestType === 'Delete') {
    await removed(event, context);
    return {};
  }
  const wanted = properties.parse(event.ResourceProperties);
  return {
    PhysicalResourceId: copyId(wanted),
    Data: { [DIGEST_ATTRIBUTE]: await copied(event, wanted, context) },
  };
}

/**
 * Removes the copy of a resource that the stack no longer has. CloudFormation asks for it when all other resources have been updated, so new
 * tasks already use another image. A task that was about to pull this one doesn't start, and the launcher starts another. In a burst, these can be
 * many, so the runbook tells users to drain the launcher before such an update.
 *
 * It never fails, because a failure would leave the stack with a resource that can't be deleted. What remains costs the price of its storage.
 */
async function removed(event: CloudFormationCustomResourceDeleteEvent, context: Context): Promise<void> {
  try {
    const { data } = properties.safeParse(event.ResourceProperties);
    // A resource from before these IDs, or one whose copy failed.
    if (data === undefined || event.PhysicalResourceId !== copyId(data)) return;
    const target = new EcrRepository(ecr, data.TargetRepository, signalOf(context));
    const tags = await removeCopy(ownerOf(event, data), target);
    console.info(`Removed from ${data.TargetRepository}: ${tags.join(', ') || 'nothing'}`);
  } catch (error) {
    console.warn(`The copy was not removed: ${error instanceof Error ? error.message : `${error}`}`);
  }
}

async function copied(event: CloudFormationCustomResourceEvent, wanted: Properties, context: Context): Promise<string> {
  const signal = signalOf(context);
  const image = {
    reference: wanted.Reference,
    architecture: wanted.Architecture,
    owner: ownerOf(event, wanted),
  };
  return copyImage(image, await sourceOf(wanted, signal), new EcrRepository(ecr, wanted.TargetRepository, signal));
}

async function sourceOf(wanted: Properties, signal: AbortSignal): Promise<Source> {
  const { Registry: host, Repository: repository } = wanted;
  if (host === undefined) return new EcrSource({ client: ecr, repositoryName: repository, fetch, signal });
  const credentials = await credentialsIn(wanted.CredentialsSecret, wanted.CredentialsJsonKey, signal);
  return new Registry({ host, repository, fetch, signal, ...(credentials !== undefined && { credentials }) });
}

const signalOf = (context: Context): AbortSignal =>
  AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - ANSWER_MS));

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Longest beginning of a tag: the digest and the resource follow. */
const MOST_PREFIX = 100;

function ownerOf({ LogicalResourceId }: CloudFormationCustomResourceEvent, { TargetTag }: Properties): CopyOwner {
  return {
    // A tag of the release template's image can have 128 characters, which is as long as a whole tag.
    prefix: TargetTag.length > MOST_PREFIX ? sha256(TargetTag) : TargetTag,
    resource: sha256(LogicalResourceId).slice(0, 8),
  };
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
