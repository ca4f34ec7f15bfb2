import { Annotations, Token } from 'aws-cdk-lib';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { versionFault, versionOfImage, versionWarning } from './agent-version.ts';
import { ecrImage } from './egress/ecr-image.ts';
import { partitionOf } from './egress/partitions.ts';
import { AGENT_IMAGE_FOLDER, entrypointText } from './entrypoint-text.ts';
import { ImageCopies } from './image-copies.ts';
import { IMAGE, IMAGE_DOC } from './setting.ts';
import { shown } from './settings-faults.ts';

/** The user that agents run as; the official image and ours have it. */
export const AGENT_USER = 'tfc-agent';

/** Folders that an agent writes to; everything else is read-only. */
export const WRITABLE_FOLDERS = { data: '/home/tfc-agent/.tfc-agent', tmp: '/tmp' } as const;

/** What an {@link AgentImage} puts into a task definition. */
export interface AgentImageBinding {
  readonly image: ecs.ContainerImage;
  /** The container's entry point; the task definition adds the agent's address to it. Absent: the image's own, without an address. */
  readonly entryPoint?: string[];
  /** Whether the image declares its writable folders as volumes of the agent's user. */
  readonly ownsVolumes: boolean;
}

/** Options of every built image. */
interface BuildOptions {
  /**
   * Whether the image keeps its user from reading the agent's programs, which keeps jobs from reading the agent token. Turn it off
   * only if an agent does not start. Default: true; the build turns it off, with a warning, if the agent must read itself.
   */
  readonly hideAgent?: boolean;
  /** Address of the source code that the image is built from. Default: not said. */
  readonly sourceUrl?: string;
  /** Revision of that source code. Another one makes another image. Default: not said. */
  readonly revision?: string;
}

/** How the image is built on HashiCorp's own. */
export interface OfficialImageOptions extends BuildOptions {
  /** Digest that the base must have: `sha256:…`, as `agent-image/print-digest.mjs` prints it. Default: what the tag names. */
  readonly digest?: string;
  /** Repository of the base, when it is a copy of yours. Default: `hashicorp/tfc-agent`. */
  readonly baseImage?: string;
}

/** How the image is built from a release archive. */
export interface ReleaseImageOptions extends BuildOptions {
  /** Base, a Debian or Ubuntu, best with its digest. Default: `ubuntu:24.04`. */
  readonly baseImage?: string;
  /** Mirror of the release host. Default: `https://releases.hashicorp.com`. */
  readonly releasesUrl?: string;
  /** Where the public key is. Default: `https://www.hashicorp.com/.well-known/pgp-key.txt`. */
  readonly keyUrl?: string;
  /** Primary fingerprint that the key must have: 40 hexadecimal digits in capitals. Default: HashiCorp's. */
  readonly keyFingerprint?: string;
  /** Debian packages to install on the base. Default: those of the Dockerfile. */
  readonly packages?: readonly string[];
}

/** As in the Dockerfiles. */
const BUILT_ENTRY_POINT = ['/opt/agent-launcher/sh', '/opt/agent-launcher/entrypoint.sh'];

/** Base of {@link AgentImage.fromRelease}: the distribution that HashiCorp's own image has. */
const DEFAULT_RELEASE_BASE = 'ubuntu:24.04';

/** How a registry's image is copied into ECR. */
export interface ImageCopyOptions {
  /**
   * Secret with a login of the registry: `{"username": "…", "accessToken": "…"}`.
   *
   * @default - the registry is asked anonymously
   */
  readonly credentials?: ISecret;
}

function commonArguments(version: string, base: string, digest: string | undefined, options: BuildOptions) {
  return {
    TFC_AGENT_VERSION: version,
    BASE_IMAGE: base,
    ...(digest !== undefined && { BASE_DIGEST: digest }),
    ...(options.hideAgent === false && { HIDE_AGENT: 'false' }),
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

function warnOfVersion(scope: Construct, version: string | undefined): void {
  const warning = versionWarning(version);
  if (warning !== undefined) Annotations.of(scope).addWarningV2('agent-launcher:agentVersion', warning);
}

function built(version: string, buildArgs: Record<string, string>, file?: string): AgentImage {
  refuseOld(version);
  return {
    bind: (scope, architecture) => {
      warnOfVersion(scope, version);
      const arm64 = architecture === ecs.CpuArchitecture.ARM64;
      const asset = new DockerImageAsset(scope, 'Image', {
        directory: AGENT_IMAGE_FOLDER,
        exclude: ['README.md'],
        ...(file !== undefined && { file }),
        buildArgs: { ...buildArgs, AGENT_ARCHITECTURE: arm64 ? 'arm64' : 'amd64' },
        platform: arm64 ? Platform.LINUX_ARM64 : Platform.LINUX_AMD64,
        // The CLI prints it when it begins to build, and when that fails.
        displayName: 'the agent image, with Docker. If this fails, see "Without Docker" in README.md',
      });
      return {
        image: ecs.ContainerImage.fromDockerImageAsset(asset),
        entryPoint: [...BUILT_ENTRY_POINT],
        ownsVolumes: true,
      };
    },
  };
}

/**
 * The image that agents run in, and how its container is entered. All run the same entrypoint, which names the agent
 * by its task, sends an idle agent away, and keeps the agent's exit code.
 */
export abstract class AgentImage {
  /**
   * Builds the image on HashiCorp's own, from this project's `agent-image` folder, and publishes it with the stack. Needs
   * Docker at deploy time, not at synthesis.
   *
   * @param version of `hashicorp/tfc-agent` to build from
   */
  static fromVersion(version: string, options: OfficialImageOptions = {}): AgentImage {
    const { baseImage = 'hashicorp/tfc-agent', digest } = options;
    const base = `${baseImage}:${version}${digest === undefined ? '' : `@${digest}`}`;
    return built(version, commonArguments(version, base, digest, options));
  }

  /**
   * Builds the image from HashiCorp's release archive, on a base of your choice. The build refuses an archive that the
   * pinned key has not signed: `agent-image/fetch-release.sh`. Needs Docker at deploy time, not at synthesis.
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
      'Dockerfile.release',
    );
  }

  /**
   * Uses an image as it is, such as `hashicorp/tfc-agent` itself: no Docker is needed to deploy. The entrypoint travels
   * in the task definition, so the image needs a POSIX shell.
   */
  static fromContainerImage(image: ecs.ContainerImage): AgentImage {
    return {
      bind: () => ({
        image,
        entryPoint: ['/bin/sh', '-c', entrypointText(), 'entrypoint'],
        ownsVolumes: false,
      }),
    };
  }

  /**
   * Like {@link fromContainerImage}, for an image by its reference: `hashicorp/tfc-agent:1.33.0`, `…@sha256:…`, or an
   * image in this account's or another account's ECR, which the task is then allowed to pull.
   */
  static fromReference(reference: string): AgentImage {
    const version = versionOfImage(reference);
    refuseOld(version);
    refuseUnpinned(reference);
    const ecr = ecrImage(reference);
    if (ecr === undefined) {
      const image = AgentImage.fromContainerImage(ecs.ContainerImage.fromRegistry(reference));
      return {
        bind: (scope, architecture) => {
          warnOfVersion(scope, version);
          return image.bind(scope, architecture);
        },
      };
    }
    const { account, region, repository: repositoryName } = ecr;
    return {
      bind: (scope, architecture) => {
        warnOfVersion(scope, version);
        const repository = Repository.fromRepositoryAttributes(scope, 'Repository', {
          repositoryName,
          repositoryArn: `arn:${partitionOf(region)}:ecr:${region}:${account}:repository/${repositoryName}`,
        });
        // The CDK would write a host of its own in the place of the one that was asked for.
        const image: ecs.ContainerImage = {
          bind: (_, container) => {
            repository.grantPull(container.taskDefinition.obtainExecutionRole());
            return { imageName: reference };
          },
        };
        return AgentImage.fromContainerImage(image).bind(scope, architecture);
      },
    };
  }

  /**
   * Like {@link fromReference}, for an image of any registry that the internet reaches. The stack copies it into an ECR
   * repository of its own when it is deployed, and tasks pull from there.
   */
  static copyOf(reference: string, options: ImageCopyOptions = {}): AgentImage {
    return {
      bind: (scope, architecture) => {
        const arm64 = architecture === ecs.CpuArchitecture.ARM64;
        const image = ImageCopies.of(scope).image(reference, arm64 ? 'arm64' : 'amd64', options.credentials);
        return AgentImage.fromContainerImage(image).bind(scope, architecture);
      },
    };
  }

  /** Called once for every pool that uses the image. */
  abstract bind(scope: Construct, architecture: ecs.CpuArchitecture): AgentImageBinding;
}
