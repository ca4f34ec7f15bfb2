import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type { Construct } from 'constructs';

/** Folder with the Dockerfile and the entrypoint; it has the same place in the sources and in the built package. */
const AGENT_IMAGE_FOLDER = join(import.meta.dirname, '..', 'agent-image');

/** The user that agents run as; the official image and ours have it. */
export const AGENT_USER = 'tfc-agent';

/** Folders that an agent writes to; everything else is read-only. */
export const WRITABLE_FOLDERS = { data: '/home/tfc-agent/.tfc-agent', tmp: '/tmp' } as const;

/** What an {@link AgentImage} puts into a task definition. */
export interface AgentImageBinding {
  readonly image: ecs.ContainerImage;
  /** The container's entry point, when it is not the image's own. */
  readonly entryPoint?: string[];
  /** Whether the image declares its writable folders as volumes of the agent's user. */
  readonly ownsVolumes: boolean;
}

/**
 * The image that agents run in, and how its container is entered. All run the same entrypoint, which names the agent
 * by its task, sends an idle agent away, and keeps the agent's exit code.
 */
export abstract class AgentImage {
  /**
   * Builds the image from this project's `agent-image` folder and publishes it with the stack. Needs Docker at deploy
   * time, not at synthesis.
   *
   * @param version of `hashicorp/tfc-agent` to build from
   */
  static fromVersion(version: string): AgentImage {
    return {
      bind: (scope, architecture) => ({
        image: ecs.ContainerImage.fromDockerImageAsset(
          new DockerImageAsset(scope, 'Image', {
            directory: AGENT_IMAGE_FOLDER,
            exclude: ['README.md'],
            buildArgs: { TFC_AGENT_VERSION: version },
            platform: architecture === ecs.CpuArchitecture.ARM64 ? Platform.LINUX_ARM64 : Platform.LINUX_AMD64,
          }),
        ),
        ownsVolumes: true,
      }),
    };
  }

  /**
   * Uses an image as it is, such as `hashicorp/tfc-agent` itself: no Docker is needed to deploy. The entrypoint travels
   * in the task definition, so the image needs a POSIX shell.
   */
  static fromContainerImage(image: ecs.ContainerImage): AgentImage {
    return {
      bind: () => ({
        image,
        entryPoint: ['/bin/sh', '-c', readFileSync(join(AGENT_IMAGE_FOLDER, 'entrypoint.sh'), 'utf8'), 'entrypoint'],
        ownsVolumes: false,
      }),
    };
  }

  /**
   * Like {@link fromContainerImage}, for an image by its reference: `hashicorp/tfc-agent:1.31.0`, `…@sha256:…`, or an
   * image in this account's or another account's ECR, which the task is then allowed to pull.
   */
  static fromReference(reference: string): AgentImage {
    const ecr =
      /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)(?::([^@]+))?(?:@(sha256:.+))?$/.exec(
        reference,
      );
    if (ecr === null) return AgentImage.fromContainerImage(ecs.ContainerImage.fromRegistry(reference));
    const [, account, region = '', repositoryName, tag, digest] = ecr;
    const partition = region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
    return {
      bind: (scope, architecture) => {
        const repository = Repository.fromRepositoryAttributes(scope, 'Repository', {
          repositoryName: `${repositoryName}`,
          repositoryArn: `arn:${partition}:ecr:${region}:${account}:repository/${repositoryName}`,
        });
        const image = ecs.ContainerImage.fromEcrRepository(repository, digest ?? tag);
        return AgentImage.fromContainerImage(image).bind(scope, architecture);
      },
    };
  }

  /** Called once for every pool that uses the image. */
  abstract bind(scope: Construct, architecture: ecs.CpuArchitecture): AgentImageBinding;
}
