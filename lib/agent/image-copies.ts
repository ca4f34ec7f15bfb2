import { createHash } from 'node:crypto';
import { CustomResource, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IRepository, Repository } from 'aws-cdk-lib/aws-ecr';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import {
  DIGEST_ATTRIBUTE,
  type ImageArchitecture,
  type ImageCopyProperties,
} from '../../functions/image-copy/contract.ts';
import { BUNDLE_ENVIRONMENT, lambdaBundle } from '../bundle/lambda-bundle.ts';
import { DEFAULT_LOG_RETENTION_DAYS } from '../defaults.ts';
import { registryOf } from '../network/allowed-domains.ts';
import { secretId } from './secret-id.ts';

const ID = 'ImageCopies';

/** Maximum duration of a copy. A layer of 1 GiB takes about a minute. */
const TIMEOUT = Duration.minutes(15);

/**
 * Copies of registry images, in one ECR repository of the stack. Tasks pull from there, so a pull depends neither on the
 * registry's CDN hosts, which change without notice, nor on its pull limit.
 *
 * A pull-through cache rule doesn't achieve this: on the first pull of an image it redirects the task to the upstream's
 * CDN (docs/decisions/0033-registry-images-are-copied.md).
 */
export class ImageCopies extends Construct {
  /** The single instance of a stack. */
  static of(scope: Construct): ImageCopies {
    const stack = Stack.of(scope);
    const known = stack.node.tryFindChild(ID);
    return known instanceof ImageCopies ? known : new ImageCopies(stack);
  }

  private readonly repository: IRepository;
  private readonly function: lambda.Function;

  private constructor(stack: Stack) {
    super(stack, ID);
    const repository = new Repository(this, 'Repository', {
      removalPolicy: RemovalPolicy.DESTROY,
      emptyOnDelete: true,
      imageScanOnPush: true,
    });
    this.repository = repository;
    const logGroup = new logs.LogGroup(this, 'Logs', {
      retention: DEFAULT_LOG_RETENTION_DAYS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // The CDK's default role has a managed policy that can write to every log group of the account.
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: 'Copies registry images into the ECR repository of this stack, while the stack is deployed',
    });
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
    logGroup.grantWrite(role);
    this.function = new lambda.Function(this, 'Function', {
      description: 'Copies registry images into the ECR repository of this stack, while the stack is deployed',
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambdaBundle('image-copy'),
      handler: 'index.handler',
      memorySize: 1024,
      timeout: TIMEOUT,
      role,
      environment: BUNDLE_ENVIRONMENT,
      logGroup,
      retryAttempts: 0,
    });
    // The policy is a separate resource. Without this dependency, a copy could begin before the policy exists.
    this.function.node.addDependency(role);
  }

  /** Returns the copy of an image, which the deployment creates. */
  image(reference: string, architecture: ImageArchitecture, credentials: ISecret | undefined): ecs.ContainerImage {
    const tag = `${architecture}-${createHash('sha256').update(reference).digest('hex').slice(0, 16)}`;
    const known = this.node.tryFindChild(tag);
    const copy = known instanceof CustomResource ? known : this.copy(tag, reference, architecture, credentials);
    const { repository } = this;
    return {
      bind: (_, container) => {
        repository.grantPull(container.taskDefinition.obtainExecutionRole());
        return { imageName: repository.repositoryUriForDigest(copy.getAttString(DIGEST_ATTRIBUTE)) };
      },
    };
  }

  private copy(
    tag: string,
    reference: string,
    architecture: ImageArchitecture,
    credentials: ISecret | undefined,
  ): CustomResource {
    credentials?.grantRead(this.function);
    const properties: Omit<ImageCopyProperties, 'TargetRepository'> = {
      ...upstreamOf(reference),
      Architecture: architecture,
      TargetTag: tag,
      ...(credentials !== undefined && { CredentialsSecret: secretId(credentials) }),
    };
    const copy = new CustomResource(this, tag, {
      resourceType: 'Custom::ImageCopy',
      serviceToken: this.function.functionArn,
      serviceTimeout: TIMEOUT.plus(Duration.minutes(1)),
      properties: { ...properties, TargetRepository: this.repository.repositoryName },
    });
    copy.node.addDependency(this.function);
    return copy;
  }
}

/** The parts of an image reference, in the terms of the registry protocol. */
export function upstreamOf(reference: string): Pick<ImageCopyProperties, 'Registry' | 'Repository' | 'Reference'> {
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
