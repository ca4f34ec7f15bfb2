/** Finds out which images the pools' tasks run, and where the tasks pull them from. */
import { ecrImage } from '../aws/ecr-image.ts';
import { DEFAULT_AGENT_VERSION } from '../defaults.ts';
import { hasChangingHosts } from '../network/allowed-domains.ts';

/** The settings that determine images. This file can't import the type of all settings, because their checks import this file. */
interface ImageSettings {
  readonly agentImage: { readonly copy?: boolean | undefined; readonly registry?: string | undefined };
  readonly pools: readonly { readonly image?: string | undefined }[];
}

/**
 * References of all images that pools pull, without duplicates. `undefined` means an image in the stack's own account: either
 * is built, or a copy.
 */
export function imagesOf({ agentImage, pools }: ImageSettings): (string | undefined)[] {
  const pulled = (image: string | undefined) =>
    image === undefined || isCopied(image, agentImage.copy) ? undefined : image;
  return [...new Set(pools.map(({ image }) => pulled(image ?? agentImage.registry)))];
}

/** Whether the deployment copies an image of a pool into the stack's repository. The image that is built is copied only on request. */
export function copiesImages({ agentImage, pools }: ImageSettings): boolean {
  return pools.some(({ image = agentImage.registry }) =>
    image === undefined ? agentImage.copy === true : isCopied(image, agentImage.copy),
  );
}

/** Version of the image that is built if no registry image is set. */
export function builtVersion({ version = DEFAULT_AGENT_VERSION }: { readonly version?: string | undefined }): string {
  return version;
}

/** Whether an image is copied into ECR. By default, it is copied if its registry changes the hosts of layers without notice. */
export function isCopied(image: string, copy: boolean | undefined): boolean {
  return ecrImage(image) === undefined && (copy ?? hasChangingHosts(image));
}
