import { ecrImage } from '../../aws/ecr-image.ts';
import { shown } from '../../credentials.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadablePool, ReadableSettings } from '../read.ts';
import { isCopied } from '../task-images.ts';

type Image = NonNullable<ReadableSettings['agentImage']>;

const OF_BUILT_IMAGES = ['version', 'source', 'digest', 'base', 'hideAgent'] as const;

/** Faults of `agentImage` options that exclude each other. */
export function* imageFaults(image: Image): Iterable<SettingsFault> {
  const built = OF_BUILT_IMAGES.filter((name) => image[name] !== undefined).join(', ');
  const fault = (allowed: string, remedy: string) => ({ path: 'agentImage', given: shown(image), allowed, remedy });
  if (image.registry !== undefined && built !== '') {
    yield fault(
      `${built} or registry, not both`,
      `remove ${built} to use the registry image, or remove registry to build an image`,
    );
  } else if (image.source === 'release' && image.digest !== undefined) {
    yield fault(
      'digest only together with "source": "official"',
      'pin the base by its digest instead: "base": "ubuntu:24.04@sha256:…"',
    );
  } else if (image.source !== 'release' && image.base !== undefined) {
    yield fault('base only together with "source": "release"', 'add "source": "release", or remove base');
  }
}

/** Faults of `copy` if there is no image to copy, and of `credentialsSecret` if no registry needs a login. */
export function* copyFaults(
  { registry, copy, credentialsSecret }: Image,
  pools: readonly ReadablePool[],
): Iterable<SettingsFault> {
  const copied = (reference: string | undefined): boolean => reference !== undefined && isCopied(reference, copy);
  if (copy === true && ![registry, ...pools.map((pool) => pool.image)].some(copied)) {
    yield {
      path: 'agentImage.copy',
      given: 'true, but there is no image to copy: every image is already in ECR',
      allowed: 'true or false, only with a registry image that is not in ECR',
      remedy: 'remove it, or set agentImage.registry to the image to copy',
    };
  }
  if (credentialsSecret !== undefined && (registry === undefined || ecrImage(registry) !== undefined)) {
    yield {
      path: 'agentImage.credentialsSecret',
      given: `${shown(credentialsSecret)}, but ${registry === undefined ? 'the deployment builds the image' : `${shown(registry)} is in ECR`}`,
      allowed:
        'a login only for an image of agentImage.registry that is not in ECR. Tasks pull from ECR with their execution role',
      remedy: 'set agentImage.registry to the image that needs the login, or remove the secret',
    };
  }
}
