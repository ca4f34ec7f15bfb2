import { createHash } from 'node:crypto';
import { CustomResource, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IRepository, Repository, RepositoryEncryption, TagMutability, TagStatus } from 'aws-cdk-lib/aws-ecr';
import type { DockerImageAsset } from 'aws-cdk-lib/aws-ecr-assets';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import {
  DIGEST_ATTRIBUTE,
  type ImageArchitecture,
  type ImageCopyProperties,
} from '../../functions/image-copy/contract.ts';
import { explain, FUNCTION_EXCEPTIONS, ROLE_EXCEPTIONS } from '../acknowledgement.ts';
import { BUNDLE_ENVIRONMENT, lambdaBundle } from '../bundle/lambda-bundle.ts';
import { DEFAULT_LOG_RETENTION_DAYS } from '../defaults.ts';
import { type LogGroupOptions, newLogGroup } from '../log-group.ts';
import { registryOf } from '../network/allowed-domains.ts';
import { trustedService } from '../service-trust.ts';
import { decryptStatements, secretId, withoutKey } from './secret-id.ts';

const ID = 'ImageCopies';

/** Maximum duration of a copy. A layer of 1 GiB takes about a minute. */
const TIMEOUT = Duration.minutes(15);

/** Age at which an image without a tag is deleted. */
const UNTAGGED_AGE = Duration.days(7);

/** Digits of the hash that stands for an image in its tag. */
const HASH_DIGITS = 16;

const DESCRIPTION = 'Copies images into the ECR repository of this stack, while the stack is deployed';

export interface ImageCopiesOptions {
  readonly logs?: LogGroupOptions | undefined;
  readonly environmentKey?: IKey | undefined;
  /** Key of imported secrets. */
  readonly secretsKey?: IKey | undefined;
  /** Key of the repository. */
  readonly imagesKey?: IKey | undefined;
  /** Default: arm64. */
  readonly architecture?: lambda.Architecture | undefined;
  /** Lambda then accepts only signed code for the function. */
  readonly codeSigningConfig?: lambda.ICodeSigningConfig | undefined;
}

/** A login for a registry. */
export interface RegistryLogin {
  readonly credentials: ISecret;
  /** Key of the login, if the secret has others. */
  readonly jsonKey?: string | undefined;
}

/**
 * Copies of images, in one ECR repository of the stack. Tasks pull from there. For a registry image, a pull then depends neither on the
 * registry's CDN hosts, which change without notice, nor on its pull limit. For a built image, the repository has the stack's own rules
 * instead of those of the CDK's repository (docs/decisions/0066-built-images-are-copied.md).
 *
 * An image has a tag for each resource that needs it, and ECR deletes it with its last tag. The lifecycle rule deletes what others leave without
 * a tag. The rule never matches by count or age alone: that could delete an image that tasks still pull.
 *
 * A pull-through cache rule doesn't achieve this: on the first pull of an image it redirects the task to the upstream's
 * CDN (docs/decisions/0033-registry-images-are-copied.md).
 */
export class ImageCopies extends Construct {
  /** The single instance of a stack. */
  static of(scope: Construct, options: ImageCopiesOptions = {}): ImageCopies {
    const copies = ImageCopies.in(scope)[0] ?? new ImageCopies(Stack.of(scope), options);
    copies.require(options);
    return copies;
  }

  /** The instance of a stack, if it copies images. */
  static in(scope: Construct): readonly ImageCopies[] {
    const known = Stack.of(scope).node.tryFindChild(ID);
    return known instanceof ImageCopies ? [known] : [];
  }

  readonly roleArn: string;
  private readonly repository: IRepository;
  private readonly function: lambda.Function;
  private readonly secretsKey: IKey | undefined;
  private readonly imagesKey: IKey | undefined;
  private readonly sources = new Set<string>();

  private constructor(stack: Stack, { logs, environmentKey, secretsKey, imagesKey }: ImageCopiesOptions) {
    super(stack, ID);
    this.secretsKey = secretsKey;
    this.imagesKey = imagesKey;
    const repository = new Repository(this, 'Repository', {
      removalPolicy: RemovalPolicy.DESTROY,
      emptyOnDelete: true,
      imageScanOnPush: true,
      imageTagMutability: TagMutability.IMMUTABLE,
      ...(imagesKey !== undefined && { encryption: RepositoryEncryption.KMS, encryptionKey: imagesKey }),
      lifecycleRules: [
        {
          description: 'Images without a tag, which no task definition of the stack refers to',
          tagStatus: TagStatus.UNTAGGED,
          maxImageAge: UNTAGGED_AGE,
        },
      ],
    });
    this.repository = repository;
    const logGroup = newLogGroup(this, 'Logs', { retention: DEFAULT_LOG_RETENTION_DAYS }, logs);
    // The CDK's default role has a managed policy that can write to every log group of the account.
    const role = new iam.Role(this, 'Role', {
      assumedBy: trustedService(this, 'lambda.amazonaws.com'),
      description: DESCRIPTION,
    });
    this.roleArn = role.roleArn;
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        sid: 'WriteTheCopies',
        actions: [
          'ecr:BatchCheckLayerAvailability',
          'ecr:InitiateLayerUpload',
          'ecr:UploadLayerPart',
          'ecr:CompleteLayerUpload',
          'ecr:PutImage',
        ],
        resources: [repository.repositoryArn],
      }),
    );
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        sid: 'RemoveUnusedCopies',
        actions: ['ecr:ListImages', 'ecr:BatchDeleteImage'],
        resources: [repository.repositoryArn],
      }),
    );
    logGroup.grantWrite(role);
    this.function = new lambda.Function(this, 'Function', {
      description: DESCRIPTION,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambdaBundle('image-copy'),
      handler: 'index.handler',
      memorySize: 1024,
      timeout: TIMEOUT,
      role,
      environment: BUNDLE_ENVIRONMENT,
      ...(environmentKey !== undefined && { environmentEncryption: environmentKey }),
      logGroup,
      retryAttempts: 0,
    });
    explain(role, ROLE_EXCEPTIONS);
    const noRetry = 'CloudFormation waits for the result, and a copy that fails makes the deployment fail.';
    explain(this.function, {
      ...FUNCTION_EXCEPTIONS,
      LambdaDLQ: noRetry,
      LambdaAsyncFailureDestination: noRetry,
      LambdaConcurrency: 'Only a deployment invokes the function, once for each image.',
      LambdaInsideVPC:
        "It needs the image's registry, which the agents' network does not have to allow. It runs only while the stack is deployed.",
    });
    // The policy is a separate resource. Without this dependency, a copy could begin before the policy exists.
    this.function.node.addDependency(role);
  }

  /** Applies what a launcher requires. All launchers of a stack share the function. */
  private require({ architecture, codeSigningConfig, imagesKey }: ImageCopiesOptions): void {
    if (imagesKey?.keyArn !== this.imagesKey?.keyArn) {
      throw new Error(
        'Two launchers of a stack copy images into the same repository, but with different keys. A repository has one key: set `encryption.imagesKey` of both launchers to the same key, or create the launchers in two stacks.',
      );
    }
    const created = this.function.node.defaultChild;
    if (!(created instanceof lambda.CfnFunction)) return;
    if (architecture !== undefined) created.architectures = [architecture.name];
    if (codeSigningConfig !== undefined) created.codeSigningConfigArn = codeSigningConfig.codeSigningConfigArn;
  }

  /** Returns the copy of a registry image, which the deployment creates. */
  image(reference: string, architecture: ImageArchitecture, login: RegistryLogin | undefined): ecs.ContainerImage {
    const tag = `${architecture}-${createHash('sha256').update(reference).digest('hex').slice(0, HASH_DIGITS)}`;
    return this.copied(tag, () => {
      if (login !== undefined) this.allowLogin(tag, login.credentials);
      return {
        ...upstreamOf(reference),
        Architecture: architecture,
        ...(login !== undefined && { CredentialsSecret: secretId(login.credentials) }),
        ...(login?.jsonKey !== undefined && { CredentialsJsonKey: login.jsonKey }),
      };
    });
  }

  /** Returns the copy of a built image, which the deployment creates after the CDK has published the image in its own repository. */
  built({ assetHash, imageTag, repository }: DockerImageAsset, architecture: ImageArchitecture): ecs.ContainerImage {
    return this.copied(`${architecture}-${assetHash.slice(0, HASH_DIGITS)}`, () => {
      this.allowSource(repository);
      return { Repository: repository.repositoryName, Reference: imageTag, Architecture: architecture };
    });
  }

  private allowSource({ repositoryArn }: IRepository): void {
    // Each pool's image has its own object for the same repository.
    const resolved = JSON.stringify(Stack.of(this).resolve(repositoryArn));
    if (this.sources.has(resolved)) return;
    this.sources.add(resolved);
    this.function.addToRolePolicy(
      new iam.PolicyStatement({
        sid: `ReadBuiltImages${this.sources.size === 1 ? '' : this.sources.size}`,
        actions: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
        resources: [repositoryArn],
      }),
    );
  }

  private allowLogin(tag: string, credentials: ISecret): void {
    withoutKey(this, `${tag}Login`, credentials).grantRead(this.function);
    for (const statement of decryptStatements(this, [credentials], this.secretsKey)) {
      this.function.addToRolePolicy(statement);
    }
  }

  /** The copy with this tag. Pools with the same image share it. */
  private copied(tag: string, properties: () => Omit<ImageCopyProperties, 'TargetRepository' | 'TargetTag'>) {
    const known = this.node.tryFindChild(tag);
    const copy = known instanceof CustomResource ? known : this.copy(tag, properties());
    const { repository } = this;
    const image: ecs.ContainerImage = {
      bind: (_, container) => {
        repository.grantPull(container.taskDefinition.obtainExecutionRole());
        return { imageName: repository.repositoryUriForDigest(copy.getAttString(DIGEST_ATTRIBUTE)) };
      },
    };
    return image;
  }

  private copy(tag: string, properties: Omit<ImageCopyProperties, 'TargetRepository' | 'TargetTag'>): CustomResource {
    const copy = new CustomResource(this, tag, {
      resourceType: 'Custom::ImageCopy',
      serviceToken: this.function.functionArn,
      serviceTimeout: TIMEOUT.plus(Duration.minutes(1)),
      properties: { ...properties, TargetRepository: this.repository.repositoryName, TargetTag: tag },
    });
    copy.node.addDependency(this.function);
    return copy;
  }
}

/** The parts of an image reference, in the terms of the registry protocol. */
export function upstreamOf(
  reference: string,
): Pick<ImageCopyProperties, 'Repository' | 'Reference'> & { readonly Registry: string } {
  const { host, port } = registryOf(reference);
  const [, path = '', tag, digest] = /^(.*?)(?::([^:/@]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(reference) ?? [];
  const [first = '', ...rest] = path.split('/');
  const named = rest.length > 0 && /[.:]|^localhost$/.test(first);
  const repository = named ? rest.join('/') : path;
  const hub = ['docker.io', 'index.docker.io', 'registry.hub.docker.com'].includes(host);
  return {
    Registry: hub ? 'registry-1.docker.io' : port === 443 ? host : `${host}:${port}`,
    // The name of an official image on Docker Hub has one part, such as `ubuntu`. Its repository is `library/ubuntu`.
    Repository: hub && !repository.includes('/') ? `library/${repository}` : repository,
    Reference: digest ?? tag ?? '',
  };
}
