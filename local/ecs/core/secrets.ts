import { ApiError } from '../../aws/core/api-error.ts';
import { parseInput } from '../../aws/core/parse-input.ts';
import { type Place, secretArn } from './arns.ts';
import {
  createRequest,
  deleteRequest,
  getValueRequest,
  listRequest,
  putValueRequest,
  secretIdRequest,
  stageRequest,
  updateRequest,
  versionsRequest,
} from './secrets-requests.ts';

interface SecretVersion {
  readonly id: string;
  readonly string?: string | undefined;
  /** Base64, as in requests and responses. */
  readonly binary?: string | undefined;
  readonly createdAt: number;
  readonly stages: Set<string>;
}

interface Secret {
  readonly name: string;
  readonly arn: string;
  description?: string | undefined;
  /** Shown only: nothing is encrypted here. */
  kmsKeyId?: string | undefined;
  readonly createdAt: number;
  changedAt: number;
  deletedAt?: number;
  /** The secret is removed this many milliseconds after `deletedAt`. */
  recoveryMs: number;
  tags: readonly { readonly Key: string; readonly Value: string }[];
  readonly versions: Map<string, SecretVersion>;
}

interface Value {
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: string | undefined;
}

/** Response of GetSecretValue; `CreatedDate` in seconds since the epoch. */
export interface SecretValueAnswer {
  readonly ARN: string;
  readonly Name: string;
  readonly VersionId: string;
  readonly SecretString?: string;
  readonly SecretBinary?: string;
  readonly VersionStages: readonly string[];
  readonly CreatedDate: number;
}

const DAY_MS = 86_400_000;

/** AWS Secrets Manager: secrets, their versions and stages. It doesn't have encryption, rotation and replication. */
export class Secrets {
  readonly #place: Place;
  readonly #now: () => number;
  readonly #hex: (digits: number) => string;
  readonly #secrets = new Map<string, Secret>();

  constructor(place: Place, now: () => number, hex: (digits: number) => string) {
    this.#place = place;
    this.#now = now;
    this.#hex = hex;
  }

  /** All actions by name. An action returns the API's response or throws {@link ApiError}. */
  readonly actions: Readonly<Record<string, (input: unknown) => object>> = {
    CreateSecret: (input) => this.create(input),
    GetSecretValue: (input) => this.value(input),
    PutSecretValue: (input) => this.put(input),
    UpdateSecret: (input) => this.#update(input),
    DescribeSecret: (input) => this.#describe(input),
    ListSecrets: (input) => this.#list(input),
    ListSecretVersionIds: (input) => this.#listVersions(input),
    UpdateSecretVersionStage: (input) => this.#moveStage(input),
    DeleteSecret: (input) => this.#delete(input),
    RestoreSecret: (input) => this.#restore(input),
  };

  /** The secret with this name or ARN, unless it is deleted. */
  find(id: string): { readonly name: string; readonly arn: string } | undefined {
    const secret = this.#look(id);
    return secret?.deletedAt === undefined ? secret : undefined;
  }

  create(input: unknown): { ARN: string; Name: string; VersionId?: string } {
    const request = parseInput(createRequest, input);
    const existing = this.#look(request.Name);
    if (existing !== undefined) {
      const version = existing.versions.get(request.ClientRequestToken ?? '');
      if (version !== undefined && sameValue(version, request)) {
        return { ARN: existing.arn, Name: existing.name, VersionId: version.id };
      }
      throw new ApiError(
        existing.deletedAt === undefined ? 'ResourceExistsException' : 'InvalidRequestException',
        existing.deletedAt === undefined
          ? `The operation failed because the secret ${request.Name} already exists.`
          : "You can't create this secret because a secret with this name is already scheduled for deletion.",
      );
    }
    const now = this.#now();
    const secret: Secret = {
      name: request.Name,
      arn: secretArn(this.#place, request.Name, this.#suffix()),
      description: request.Description,
      kmsKeyId: request.KmsKeyId,
      createdAt: now,
      changedAt: now,
      recoveryMs: 0,
      tags: request.Tags,
      versions: new Map(),
    };
    this.#secrets.set(secret.name, secret);
    if (request.SecretString === undefined && request.SecretBinary === undefined) {
      return { ARN: secret.arn, Name: secret.name };
    }
    const version = this.#add(secret, request, request.ClientRequestToken, ['AWSCURRENT']);
    return { ARN: secret.arn, Name: secret.name, VersionId: version.id };
  }

  value(input: unknown): SecretValueAnswer {
    const request = parseInput(getValueRequest, input);
    const secret = this.#get(request.SecretId);
    const stage = request.VersionStage ?? (request.VersionId === undefined ? 'AWSCURRENT' : undefined);
    const version =
      request.VersionId === undefined
        ? [...secret.versions.values()].find(({ stages }) => stages.has(stage ?? ''))
        : secret.versions.get(request.VersionId);
    if (version === undefined || (stage !== undefined && !version.stages.has(stage))) {
      throw new ApiError(
        'ResourceNotFoundException',
        request.VersionId === undefined
          ? `Secrets Manager can't find the specified secret value for staging label: ${stage ?? ''}`
          : `Secrets Manager can't find the specified secret value for VersionId: ${request.VersionId}`,
      );
    }
    return {
      ARN: secret.arn,
      Name: secret.name,
      VersionId: version.id,
      ...(version.string === undefined ? {} : { SecretString: version.string }),
      ...(version.binary === undefined ? {} : { SecretBinary: version.binary }),
      VersionStages: [...version.stages],
      CreatedDate: version.createdAt / 1000,
    };
  }

  put(input: unknown): { ARN: string; Name: string; VersionId: string; VersionStages: string[] } {
    const request = parseInput(putValueRequest, input);
    const secret = this.#get(request.SecretId);
    const existing = secret.versions.get(request.ClientRequestToken ?? '');
    if (existing !== undefined && !sameValue(existing, request)) throw versionExists(existing.id);
    const version = existing ?? this.#add(secret, request, request.ClientRequestToken, request.VersionStages);
    return { ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: [...version.stages] };
  }

  #update(input: unknown): object {
    const request = parseInput(updateRequest, input);
    const secret = this.#get(request.SecretId);
    const existing = secret.versions.get(request.ClientRequestToken ?? '');
    if (existing !== undefined) throw versionExists(existing.id);
    if (request.Description !== undefined) secret.description = request.Description;
    if (request.KmsKeyId !== undefined) secret.kmsKeyId = request.KmsKeyId;
    secret.changedAt = this.#now();
    const answer = { ARN: secret.arn, Name: secret.name };
    if (request.SecretString === undefined && request.SecretBinary === undefined) return answer;
    return { ...answer, VersionId: this.#add(secret, request, request.ClientRequestToken, ['AWSCURRENT']).id };
  }

  #describe(input: unknown): object {
    const secret = this.#get(parseInput(secretIdRequest, input).SecretId, true);
    return { ...this.#view(secret), VersionIdsToStages: stagesOf(secret) };
  }

  #list(input: unknown): object {
    const request = parseInput(listRequest, input);
    const matching = [...this.#secrets.values()].filter(
      (secret) =>
        this.#look(secret.name) !== undefined &&
        (request.IncludePlannedDeletion || secret.deletedAt === undefined) &&
        request.Filters.every(({ Key, Values }) => Values.some((value) => filterMatches(secret, Key, value))),
    );
    const { page, next } = pageOf(matching, ({ name }) => name, request.MaxResults, request.NextToken);
    return {
      SecretList: page.map((secret) => ({ ...this.#view(secret), SecretVersionsToStages: stagesOf(secret) })),
      ...next,
    };
  }

  #listVersions(input: unknown): object {
    const request = parseInput(versionsRequest, input);
    const secret = this.#get(request.SecretId, true);
    const versions = [...secret.versions.values()].filter(({ stages }) => request.IncludeDeprecated || stages.size > 0);
    const { page, next } = pageOf(versions, ({ id }) => id, request.MaxResults, request.NextToken);
    return {
      ARN: secret.arn,
      Name: secret.name,
      Versions: page.map(({ id, stages, createdAt }) => ({
        VersionId: id,
        VersionStages: [...stages],
        CreatedDate: createdAt / 1000,
      })),
      ...next,
    };
  }

  #moveStage(input: unknown): object {
    const { SecretId, VersionStage, RemoveFromVersionId, MoveToVersionId } = parseInput(stageRequest, input);
    const secret = this.#get(SecretId);
    const holder = [...secret.versions.values()].find(({ stages }) => stages.has(VersionStage));
    if (holder !== undefined && holder.id !== MoveToVersionId && holder.id !== RemoveFromVersionId) {
      throw new ApiError(
        'InvalidParameterException',
        `The parameter RemoveFromVersionId can't be empty. Staging label ${VersionStage} is currently attached to version ${holder.id}, so you must explicitly reference that version in RemoveFromVersionId.`,
      );
    }
    if (MoveToVersionId === undefined) {
      // The message is quoted in the source of Terraform's AWS provider (aws_secretsmanager_secret_version).
      if (VersionStage === 'AWSCURRENT') {
        throw new ApiError(
          'InvalidParameterException',
          'You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed.',
        );
      }
      holder?.stages.delete(VersionStage);
    } else {
      const target = secret.versions.get(MoveToVersionId);
      if (target === undefined) throw notFound();
      moveStage(secret, VersionStage, target);
    }
    secret.changedAt = this.#now();
    return { ARN: secret.arn, Name: secret.name };
  }

  #delete(input: unknown): object {
    const request = parseInput(deleteRequest, input);
    if (request.ForceDeleteWithoutRecovery && request.RecoveryWindowInDays !== undefined) {
      throw new ApiError(
        'InvalidParameterException',
        "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
      );
    }
    const secret = this.#get(request.SecretId);
    const now = this.#now();
    secret.deletedAt = now;
    secret.recoveryMs = request.ForceDeleteWithoutRecovery ? 0 : (request.RecoveryWindowInDays ?? 30) * DAY_MS;
    return { ARN: secret.arn, Name: secret.name, DeletionDate: (now + secret.recoveryMs) / 1000 };
  }

  #restore(input: unknown): object {
    const secret = this.#get(parseInput(secretIdRequest, input).SecretId, true);
    delete secret.deletedAt;
    return { ARN: secret.arn, Name: secret.name };
  }

  #add(secret: Secret, value: Value, token: string | undefined, stages: readonly string[]): SecretVersion {
    const version: SecretVersion = {
      id: token ?? this.#hex(32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
      string: value.SecretString,
      binary: value.SecretBinary,
      createdAt: this.#now(),
      stages: new Set(),
    };
    // The first version is always current, even if the request gives it other stages.
    const first = secret.versions.size === 0 ? ['AWSCURRENT'] : [];
    secret.versions.set(version.id, version);
    for (const stage of new Set([...first, ...stages])) moveStage(secret, stage, version);
    secret.changedAt = version.createdAt;
    return version;
  }

  #get(id: string, evenDeleted = false): Secret {
    const secret = this.#look(id);
    if (secret === undefined) throw notFound();
    if (secret.deletedAt !== undefined && !evenDeleted) {
      throw new ApiError(
        'InvalidRequestException',
        "You can't perform this operation on the secret because it was marked for deletion.",
      );
    }
    return secret;
  }

  /** Finds a secret by name, ARN, or ARN without the six random characters at the end. */
  #look(id: string): Secret | undefined {
    const prefix = secretArn(this.#place, '', '').slice(0, -1);
    const name = id.startsWith(prefix) ? id.slice(prefix.length) : id;
    const secret =
      this.#secrets.get(name) ??
      (id.startsWith('arn:') ? [...this.#secrets.values()].find(({ arn }) => arn === id) : undefined);
    if (secret?.deletedAt === undefined || this.#now() < secret.deletedAt + secret.recoveryMs) return secret;
    this.#secrets.delete(secret.name);
    return undefined;
  }

  #suffix(): string {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    const bytes = this.#hex(12).match(/../g) ?? [];
    return bytes.map((byte) => alphabet[Number.parseInt(byte, 16) % alphabet.length]).join('');
  }

  #view(secret: Secret): object {
    return {
      ARN: secret.arn,
      Name: secret.name,
      ...(secret.description === undefined ? {} : { Description: secret.description }),
      ...(secret.kmsKeyId === undefined ? {} : { KmsKeyId: secret.kmsKeyId }),
      LastChangedDate: secret.changedAt / 1000,
      CreatedDate: secret.createdAt / 1000,
      ...(secret.deletedAt === undefined ? {} : { DeletedDate: (secret.deletedAt + secret.recoveryMs) / 1000 }),
      Tags: secret.tags,
    };
  }
}

/**
 * A staging label is on one version at a time. The version that loses AWSCURRENT gets AWSPREVIOUS,
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
 */
function moveStage(secret: Secret, stage: string, target: SecretVersion): void {
  for (const version of secret.versions.values()) {
    if (version === target || !version.stages.delete(stage)) continue;
    if (stage === 'AWSCURRENT') moveStage(secret, 'AWSPREVIOUS', version);
  }
  target.stages.add(stage);
  if (stage === 'AWSCURRENT') target.stages.delete('AWSPREVIOUS');
}

function stagesOf(secret: Secret): Record<string, string[]> {
  return Object.fromEntries(
    [...secret.versions.values()].filter(({ stages }) => stages.size > 0).map(({ id, stages }) => [id, [...stages]]),
  );
}

function sameValue(version: SecretVersion, value: Value): boolean {
  return version.string === value.SecretString && version.binary === value.SecretBinary;
}

function filterMatches(secret: Secret, key: string, value: string): boolean {
  if (value.startsWith('!')) return !filterMatches(secret, key, value.slice(1));
  const inTags = (member: 'Key' | 'Value'): boolean => secret.tags.some((tag) => tag[member].startsWith(value));
  if (key === 'name') return secret.name.startsWith(value);
  if (key === 'description') return (secret.description ?? '').toLowerCase().startsWith(value.toLowerCase());
  if (key === 'tag-key') return inTags('Key');
  if (key === 'tag-value') return inTags('Value');
  return [secret.name, secret.description ?? ''].some((text) => text.toLowerCase().includes(value.toLowerCase()));
}

function pageOf<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  size: number,
  token: string | undefined,
): { page: readonly Item[]; next: { NextToken?: string } } {
  const first = token === undefined ? 0 : items.findIndex((item) => keyOf(item) === token);
  if (first < 0) throw new ApiError('InvalidNextTokenException', 'Invalid NextToken.');
  const after = items[first + size];
  return { page: items.slice(first, first + size), next: after === undefined ? {} : { NextToken: keyOf(after) } };
}

function notFound(): ApiError {
  return new ApiError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
}

function versionExists(id: string): ApiError {
  return new ApiError(
    'ResourceExistsException',
    `You can't use ClientRequestToken ${id} because that value is already in use for a version of this secret.`,
  );
}
