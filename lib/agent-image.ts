import { Repository } from 'aws-cdk-lib/aws-ecr';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type { Construct } from 'constructs';
import { ecrImage } from './egress/ecr-image.ts';
import { partitionOf } from './egress/partitions.ts';
import { AGENT_IMAGE_FOLDER, entrypointText } from './entrypoint-text.ts';

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

/** What the labels of a built image say beside version and base. */
interface LabelOptions {
  /** Address of the source code that the image is built from. Default: not said. */
  readonly sourceUrl?: string;
  /** Revision of that source code. Another one makes another image. Default: not said. */
  readonly revision?: string;
}

/** How the image is built on HashiCorp's own. */
export interface OfficialImageOptions extends LabelOptions {
  /** Digest that the base must have: `sha256:…`, as `agent-image/print-digest.mjs` prints it. Default: what the tag names. */
  readonly digest?: string;
  /** Repository of the base, when it is a copy of yours. Default: `hashicorp/tfc-agent`. */
  readonly baseImage?: string;
}

/** How the image is built from a release archive. */
export interface ReleaseImageOptions extends LabelOptions {
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

function labelArguments(version: string, base: string, digest: string | undefined, options: LabelOptions) {
  return {
    TFC_AGENT_VERSION: version,
    BASE_IMAGE: base,
    ...(digest !== undefined && { BASE_DIGEST: digest }),
    ...(options.sourceUrl !== undefined && { SOURCE_URL: options.sourceUrl }),
    ...(options.revision !== undefined && { REVISION: options.revision }),
  };
}

function built(buildArgs: Record<string, string>, file?: string): AgentImage {
  return {
    bind: (scope, architecture) => {
      const arm64 = architecture === ecs.CpuArchitecture.ARM64;
      const asset = new DockerImageAsset(scope, 'Image', {
        directory: AGENT_IMAGE_FOLDER,
        exclude: ['README.md'],
        ...(file !== undefined && { file }),
        buildArgs: { ...buildArgs, AGENT_ARCHITECTURE: arm64 ? 'arm64' : 'amd64' },
        platform: arm64 ? Platform.LINUX_ARM64 : Platform.LINUX_AMD64,
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
    return built({ ...labelArguments(version, base, digest, options) });
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
      {
        ...labelArguments(version, baseImage, digest, options),
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
   * Like {@link fromContainerImage}, for an image by its reference: `hashicorp/tfc-agent:1.31.0`, `…@sha256:…`, or an
   * image in this account's or another account's ECR, which the task is then allowed to pull.
   */
  static fromReference(reference: string): AgentImage {
    const ecr = ecrImage(reference);
    if (ecr === undefined) return AgentImage.fromContainerImage(ecs.ContainerImage.fromRegistry(reference));
    const { account, region, repository: repositoryName } = ecr;
    return {
      bind: (scope, architecture) => {
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

  /** Called once for every pool that uses the image. */
  abstract bind(scope: Construct, architecture: ecs.CpuArchitecture): AgentImageBinding;
}
