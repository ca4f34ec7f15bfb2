/** Checks of `agentImage`. */
import { shown } from '../../credentials.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadablePool, ReadableSettings } from '../read.ts';
import { isCopied } from '../task-images.ts';

type Image = NonNullable<ReadableSettings['agentImage']>;

const OF_BUILT_IMAGES = ['version', 'source', 'digest', 'base', 'hideAgent'] as const;

/** Options of `agentImage` that exclude each other. */
export function imageFaults(image: Image): SettingsFault[] {
  const built = OF_BUILT_IMAGES.filter((name) => image[name] !== undefined);
  const fault = (allowed: string, remedy: string) => ({ path: 'agentImage', given: shown(image), allowed, remedy });
  if (image.registry !== undefined && built.length > 0) {
    return [
      fault(
        `${built.join(', ')} or registry, not both`,
        `remove ${built.join(', ')} to use the registry image, or remove registry to build an image`,
      ),
    ];
  }
  if (image.source === 'release' && image.digest !== undefined) {
    return [
      fault('digest with the source official', 'pin the base by its digest instead: "base": "ubuntu:24.04@sha256:…"'),
    ];
  }
  if (image.source !== 'release' && image.base !== undefined) {
    return [fault('base with the source release', 'add "source": "release", or remove base')];
  }
  return [];
}

/** A copy of nothing, and a login that nothing asks for. */
export function copyFaults(
  { registry, copy, credentialsSecret }: Image,
  pools: readonly ReadablePool[],
): SettingsFault[] {
  const copied = (reference: string | undefined): boolean => reference !== undefined && isCopied(reference, copy);
  const idle =
    copy === true && ![registry, ...pools.map((pool) => pool.image)].some(copied)
      ? [
          {
            path: 'agentImage.copy',
            given: 'true, but every image is already in ECR',
            allowed: 'true or false, with a registry image that is not in ECR',
            remedy: 'remove it, or set agentImage.registry to the image to copy',
          },
        ]
      : [];
  if (credentialsSecret === undefined || copied(registry)) return idle;
  return [
    ...idle,
    {
      path: 'agentImage.credentialsSecret',
      given: `${shown(credentialsSecret)}, but the image of agentImage.registry is not copied`,
      allowed: 'a login for the copy of agentImage.registry',
      remedy:
        'set agentImage.registry to the image, and remove agentImage.copy or set it to true; or remove the secret',
    },
  ];
}
