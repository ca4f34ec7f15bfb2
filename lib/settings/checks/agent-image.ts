import { ecrImage } from '../../aws/ecr-image.ts';
import { shown } from '../../credentials.ts';
import { registryOf } from '../../network/allowed-domains.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadablePool, ReadableSettings } from '../read.ts';
import { secretReference } from '../secret-reference.ts';
import { copiesImages, isCopied } from '../task-images.ts';

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

/**
 * Faults of a login under a key that ECS would have to read: `repositoryCredentials` has no place for a key.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html
 */
function* pullKeyFaults(
  secret: string,
  registry: string,
  copy: boolean | undefined,
  pools: readonly ReadablePool[],
): Iterable<SettingsFault> {
  const { id, jsonKey } = secretReference(secret);
  if (jsonKey === undefined) return;
  const { host } = registryOf(registry);
  const pulled = pools
    .map(({ image = registry }) => image)
    .find((image) => registryOf(image).host === host && ecrImage(image) === undefined && !isCopied(image, copy));
  if (pulled === undefined) return;
  yield {
    path: 'agentImage.credentialsSecret',
    given: `${shown(secret)}, with a key, but ECS pulls ${shown(pulled)} with this login for each task`,
    allowed:
      'a key only if the deployment copies the images of this registry: ECS reads the whole secret, which must be {"username": "…", "password": "…"}',
    remedy: `set agentImage.copy to true, or store only the login in another secret, and set it instead of ${id}`,
  };
}

/** Faults of `copy` if there is no image to copy, and of `credentialsSecret` if no registry needs a login. */
export function* copyFaults(
  { registry, copy, credentialsSecret }: Image,
  pools: readonly ReadablePool[],
): Iterable<SettingsFault> {
  const isPossible = registry !== undefined && isCopied(registry, copy);
  if (copy === true && pools.length > 0 && !isPossible && !copiesImages({ agentImage: { copy, registry }, pools })) {
    yield {
      path: 'agentImage.copy',
      given: 'true, but there is no image to copy: every image is an existing one in ECR',
      allowed: 'true or false; true only with an image that is built, or with a registry image that is not in ECR',
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
  } else if (credentialsSecret !== undefined && registry !== undefined) {
    yield* pullKeyFaults(credentialsSecret, registry, copy, pools);
  }
}
