import { Annotations, Token } from 'aws-cdk-lib';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { ecrImage } from '../aws/ecr-image.ts';
import { partitionOf } from '../aws/partitions.ts';
import { shown } from '../credentials.ts';
import { certificatesIn } from './ca-certificates.ts';
import { AGENT_IMAGE_FOLDER, entrypointText } from './entrypoint.ts';
import { ImageCopies, type ImageCopiesOptions } from './image-copies.ts';
import { IMAGE, IMAGE_DOC } from './image-reference.ts';
import { decryptStatements, secretId, withoutKey } from './secret-id.ts';
import { versionFault, versionOfImage, versionWarning } from './version.ts';

/** The user that agents run as. It exists in HashiCorp's image and in the image that this project builds. */
export const AGENT_USER = 'tfc-agent';

/** Folders that an agent can write to. Everything else is read-only. */
export const WRITABLE_FOLDERS = { data: '/home/tfc-agent/.tfc-agent', tmp: '/tmp' } as const;

/** What an {@link AgentImage} puts into a task definition. */
export interface AgentImageBinding {
  readonly image: ecs.ContainerImage;
  /**
   * The container's entry point, to which the task definition appends the agent's address. If absent, the container uses the
   * image's entry point without an address.
   */
  readonly entryPoint?: string[] | undefined;
  /** Whether the image declares its writable folders as volumes of the agent's user. */
  readonly ownsVolumes: boolean;
}

interface BuildOptions {
  /**
   * Whether the deployment copies the image into an ECR repository of the stack, with immutable tags and a scan on push. Tasks then pull
   * from there. Default: false, and tasks pull from the repository in which the CDK publishes images.
   */
  readonly copy?: boolean | undefined;
  /**
   * Whether the image prevents its user from reading the agent's programs, so that jobs can't read the agent token. Turn it off
   * only if an agent doesn't start. Default: true. If the agent can't start without read access to its programs, the build turns
   * this off with a warning.
   */
  readonly hideAgent?: boolean | undefined;
  /**
   * PEM file with certificates that the agent and Terraform trust in addition to those of the base image. Default: none. The image's list of
   * authorities gets them, so every program that uses this list trusts them.
   */
  readonly caCertificatesFile?: string | undefined;
  /** URL of the source code that the image is built from, as an image label. Default: no label. */
  readonly sourceUrl?: string | undefined;
  /** Revision of that source code, as an image label. A new revision creates a new image. Default: no label. */
  readonly revision?: string | undefined;
}

/** How the image is built from HashiCorp's own image. */
export interface OfficialImageOptions extends BuildOptions {
  /** Required digest of the base: `sha256:…`, as `agent-image/print-digest.mjs` prints it. Default: the digest of the tag. */
  readonly digest?: string | undefined;
  /** Repository of the base, if you use your own copy. Default: `hashicorp/tfc-agent`. */
  readonly baseImage?: string | undefined;
}

/** How the image is built from a release archive. */
export interface ReleaseImageOptions extends BuildOptions {
  /** Base image: Debian or Ubuntu, preferably with a digest. Default: `ubuntu:24.04`. */
  readonly baseImage?: string | undefined;
  /** Mirror of the release host. Default: `https://releases.hashicorp.com`. */
  readonly releasesUrl?: string | undefined;
  /** URL of the public key. Default: `https://www.hashicorp.com/.well-known/pgp-key.txt`. */
  readonly keyUrl?: string | undefined;
  /** Required primary fingerprint of the key: 40 upper-case hexadecimal digits. Default: HashiCorp's. */
  readonly keyFingerprint?: string | undefined;
  /** Debian packages to install on the base. Default: those of the Dockerfile. */
  readonly packages?: readonly string[] | undefined;
}

/** The entry point in the Dockerfiles. */
const BUILT_ENTRY_POINT = ['/opt/agent-launcher/sh', '/opt/agent-launcher/entrypoint.sh'];

/** Base of {@link AgentImage.fromRelease}: the same distribution as HashiCorp's own image. */
const DEFAULT_RELEASE_BASE = 'ubuntu:24.04';

/** How tasks or the deployment pull an image from a registry. */
export interface RegistryOptions {
  /**
   * Secret with a login for the registry: `{"username": "…", "password": "…"}`. ECR needs none.
   *
   * @default - anonymous access
   */
  readonly credentials?: ISecret | undefined;
}

/** How the deployment pulls an image to copy it. */
export interface CopyOptions extends RegistryOptions {
  /**
   * Key of the login, if the value of `credentials` has others: `{"docker-hub": {"username": "…", "password": "…"}}`. The login can also
   * be a string with this JSON.
   *
   * @default - the secret contains only the login
   */
  readonly credentialsJsonKey?: string | undefined;
}

function commonArguments(version: string, base: string, digest: string | undefined, options: BuildOptions) {
  return {
    TFC_AGENT_VERSION: version,
    BASE_IMAGE: base,
    ...(digest !== undefined && { BASE_DIGEST: digest }),
    ...(options.hideAgent === false && { HIDE_AGENT: 'false' }),
    ...(options.caCertificatesFile !== undefined && {
      // A build argument can't contain lines on every system.
      CA_CERTIFICATES: Buffer.from(certificatesIn(options.caCertificatesFile)).toString('base64'),
    }),
    ...(options.sourceUrl !== undefined && { SOURCE_URL: options.sourceUrl }),
    ...(options.revision !== undefined && { REVISION: options.revision }),
  };
}

function refuseOld(version: string | undefined): void {
  const fault = version === undefined ? undefined : versionFault(version);
  if (fault !== undefined) throw new Error(fault);
}

function refuseUnpinned(reference: string): void {
  if (Token.isUnresolved(reference) || IMAGE.safeParse(reference).success) return;
  throw new Error(
    `The agents' image ${shown(reference)} can't be used. Allowed: ${IMAGE_DOC.allowed}. To do: ${IMAGE_DOC.remedy}.`,
  );
}

/** Refuses references that are valid for an image but not for a copy. */
function refuseUncopied(reference: string): void {
  if (Token.isUnresolved(reference)) {
    throw new Error(
      'The reference of the image to copy is known only at deployment. The stack needs the registry and the tag at synthesis. Use a reference in plain text, such as hashicorp/tfc-agent:1.33.0.',
    );
  }
  if (ecrImage(reference) !== undefined) {
    throw new Error(
      `The image ${shown(reference)} is in ECR already, so it isn't copied. Use AgentImage.fromReference: tasks pull the image from ECR.`,
    );
  }
}

function warnOfVersion(scope: Construct, version: string | undefined): void {
  const warning = versionWarning(version);
  if (warning !== undefined) Annotations.of(scope).addWarningV2('agent-launcher:agentVersion', warning);
}

function built(
  version: string,
  buildArgs: Record<string, string>,
  { copy = false, file }: { readonly copy?: boolean | undefined; readonly file?: string },
): AgentImage {
  refuseOld(version);
  return {
    bind: (scope, architecture, copies) => {
      warnOfVersion(scope, version);
      const arm64 = architecture === ecs.CpuArchitecture.ARM64;
      const asset = new DockerImageAsset(scope, 'Image', {
        directory: AGENT_IMAGE_FOLDER,
        exclude: ['README.md'],
        ...(file !== undefined && { file }),
        buildArgs: { ...buildArgs, AGENT_ARCHITECTURE: arm64 ? 'arm64' : 'amd64' },
        platform: arm64 ? Platform.LINUX_ARM64 : Platform.LINUX_AMD64,
        // The CLI prints this name when the build begins and when it fails.
        displayName: 'the agent image, with Docker. If this fails, see "Without Docker" in README.md',
      });
      return {
        image: copy
          ? ImageCopies.of(scope, copies).built(asset, arm64 ? 'arm64' : 'amd64')
          : ecs.ContainerImage.fromDockerImageAsset(asset),
        entryPoint: [...BUILT_ENTRY_POINT],
        ownsVolumes: true,
      };
    },
  };
}

/**
 * An image that ECS pulls with a login. The CDK would put an ARN without its random end into the task definition if the secret is
 * known by its name only. ECS accepts the name.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RepositoryCredentials.html
 */
function withLogin(
  scope: Construct,
  imageName: string,
  credentials: ISecret,
  secretsKey: IKey | undefined,
): ecs.ContainerImage {
  const readable = withoutKey(scope, 'Login', credentials);
  const decrypt = decryptStatements(scope, [credentials], secretsKey);
  return {
    bind: (_, { taskDefinition }) => {
      const role = taskDefinition.obtainExecutionRole();
      readable.grantRead(role);
      for (const statement of decrypt) role.addToPrincipalPolicy(statement);
      return { imageName, repositoryCredentials: { credentialsParameter: secretId(credentials) } };
    },
  };
}

/** An existing image, given by its reference. */
function pulled(
  reference: string,
  imageIn: (scope: Construct, architecture: ecs.CpuArchitecture, copies?: ImageCopiesOptions) => ecs.ContainerImage,
): AgentImage {
  return {
    bind: (scope, architecture, copies) => {
      warnOfVersion(scope, versionOfImage(reference));
      return AgentImage.fromContainerImage(imageIn(scope, architecture, copies)).bind(scope, architecture);
    },
  };
}

/**
 * The image that agents run in, and its entry point. All images run the same entrypoint script. The script names the agent
 * after its task, ends an idle agent, and returns the agent's exit code.
 */
export abstract class AgentImage {
  /**
   * Builds the image from HashiCorp's own image and this project's `agent-image` folder, and publishes it with the stack.
   * Needs Docker at deploy time, not at synthesis.
   *
   * @param version of `hashicorp/tfc-agent` to build from
   */
  static fromVersion(version: string, options: OfficialImageOptions = {}): AgentImage {
    const { baseImage = 'hashicorp/tfc-agent', digest } = options;
    const base = `${baseImage}:${version}${digest === undefined ? '' : `@${digest}`}`;
    return built(version, commonArguments(version, base, digest, options), options);
  }

  /**
   * Builds the image from HashiCorp's release archive, on a base of your choice. The build fails if the pinned key didn't sign
   * the archive (`agent-image/fetch-release.sh`). Needs Docker at deploy time, not at synthesis.
   *
   * @param version of the release
   */
  static fromRelease(version: string, options: ReleaseImageOptions = {}): AgentImage {
    const { baseImage = DEFAULT_RELEASE_BASE, releasesUrl, keyUrl, keyFingerprint, packages } = options;
    const digest = /@(sha256:[0-9a-f]{64})$/.exec(baseImage)?.[1];
    return built(
      version,
      {
        ...commonArguments(version, baseImage, digest, options),
        ...(releasesUrl !== undefined && { RELEASES_URL: releasesUrl }),
        ...(keyUrl !== undefined && { KEY_URL: keyUrl }),
        ...(keyFingerprint !== undefined && { KEY_FINGERPRINT: keyFingerprint }),
        ...(packages !== undefined && { PACKAGES: packages.join(' ') }),
      },
      { copy: options.copy, file: 'Dockerfile.release' },
    );
  }

  /**
   * Uses an existing image, such as `hashicorp/tfc-agent`, without changes. You don't need Docker to deploy. The task
   * definition contains the entrypoint script, so the image needs a POSIX shell.
   */
  static fromContainerImage(image: ecs.ContainerImage): AgentImage {
    return {
      bind: () => ({ image, entryPoint: ['/bin/sh', '-c', entrypointText(), 'entrypoint'], ownsVolumes: false }),
    };
  }

  /**
   * Like {@link fromContainerImage}, for an image given by its reference: `hashicorp/tfc-agent:1.33.0`, `…@sha256:…`, or an image
   * in ECR of this or another account. For an image in ECR, the execution role gets the permission to pull it.
   */
  static fromReference(reference: string, { credentials }: RegistryOptions = {}): AgentImage {
    refuseOld(versionOfImage(reference));
    refuseUnpinned(reference);
    const ecr = ecrImage(reference);
    if (ecr === undefined) {
      return pulled(reference, (scope, _, options) =>
        credentials === undefined
          ? ecs.ContainerImage.fromRegistry(reference)
          : withLogin(scope, reference, credentials, options?.secretsKey),
      );
    }
    if (credentials !== undefined) {
      throw new Error(
        `The image ${shown(reference)} is in ECR, which accepts no login. Remove \`credentials\`: tasks pull from ECR with their execution role.`,
      );
    }
    const { account, region, repository: repositoryName } = ecr;
    return pulled(reference, (scope) => {
      const repository = Repository.fromRepositoryAttributes(scope, 'Repository', {
        repositoryName,
        repositoryArn: `arn:${partitionOf(region)}:ecr:${region}:${account}:repository/${repositoryName}`,
      });
      // The CDK would replace the registry's host in the reference with a host that it computes.
      return {
        bind: (_, container) => {
          repository.grantPull(container.taskDefinition.obtainExecutionRole());
          return { imageName: reference };
        },
      };
    });
  }

  /**
   * Like {@link fromReference}, for an image of any registry that is reachable from the internet. The stack copies the image
   * into its own ECR repository during the deployment, and tasks pull from there.
   */
  static copyOf(reference: string, { credentials, credentialsJsonKey: jsonKey }: CopyOptions = {}): AgentImage {
    refuseOld(versionOfImage(reference));
    refuseUncopied(reference);
    refuseUnpinned(reference);
    return pulled(reference, (scope, architecture, copies) => {
      const arm64 = architecture === ecs.CpuArchitecture.ARM64;
      const login = credentials && { credentials, jsonKey };
      return ImageCopies.of(scope, copies).image(reference, arm64 ? 'arm64' : 'amd64', login);
    });
  }

  /** Called once for each pool that uses the image. @param copies options of the construct that copies images, and the key of the login */
  abstract bind(scope: Construct, architecture: ecs.CpuArchitecture, copies?: ImageCopiesOptions): AgentImageBinding;
}
