import { createHash } from 'node:crypto';
import { blobsOf, IMAGE_TYPES, INDEX_TYPES, imageFor } from './core/manifests.ts';
import { type CopyOwner, tagOf, tagsOf } from './core/tags.ts';
import { ImageCopyError } from './errors.ts';
import type { Manifest, Source, Target } from './ports.ts';

export interface WantedImage {
  /** Tag or digest. */
  readonly reference: string;
  readonly architecture: string;
  /** The resource that needs the copy. It determines the beginning of the copy's tag. */
  readonly owner: CopyOwner;
}

/**
 * Copies an image for one architecture from a registry, or from another repository, into ECR.
 *
 * The manifest is copied byte for byte, so the copy has the same digest as the original, and ECR checks every layer against
 * its digest. Layers that ECR already has aren't sent again, so it is cheap to repeat a copy that failed halfway.
 *
 * @returns the digest of the copy
 */
export async function copyImage(wanted: WantedImage, source: Source, target: Target): Promise<string> {
  const { manifest, digest } = await imageManifest(wanted, source);
  const blobs = blobsOf(parsed(manifest));
  if (blobs === undefined) throw new ImageCopyError(`${wanted.reference} is not a container image.`);
  for (const blob of blobs) {
    if (!(await target.has(blob))) await target.upload(blob, await source.blob(blob));
  }
  await target.put(manifest, digest, tagOf(wanted.owner, digest));
  return digest;
}

/** Removes the tags of a resource. ECR then deletes the images that no other resource needs. @returns the tags */
export async function removeCopy(owner: CopyOwner, target: Target): Promise<string[]> {
  const tags = tagsOf(owner, await target.tags());
  await target.removeTags(tags);
  return tags;
}

async function imageManifest(
  { reference, architecture }: WantedImage,
  source: Source,
): Promise<{ manifest: Manifest; digest: string }> {
  const first = await verified(reference, source);
  if (!INDEX_TYPES.includes(first.manifest.mediaType)) return image(reference, first);
  const digest = imageFor(parsed(first.manifest), architecture);
  if (digest === undefined) {
    throw new ImageCopyError(
      `${reference} has no image for linux/${architecture}. Set the pool's architecture to one that the image has.`,
    );
  }
  return image(digest, await verified(digest, source));
}

function image<T extends { readonly manifest: Manifest }>(reference: string, answer: T): T {
  if (IMAGE_TYPES.includes(answer.manifest.mediaType)) return answer;
  throw new ImageCopyError(
    `${reference} has the media type ${answer.manifest.mediaType}, which ECR and Fargate don't support. Set agentImage to a container image.`,
  );
}

/** Makes sure that the registry, or an attacker in between, doesn't return a different image than the pinned one. */
async function verified(reference: string, source: Source): Promise<{ manifest: Manifest; digest: string }> {
  const manifest = await source.manifest(reference);
  const digest = `sha256:${createHash('sha256').update(manifest.body).digest('hex')}`;
  if (reference.startsWith('sha256:') && reference !== digest) {
    throw new ImageCopyError(`The registry returned the image ${digest} instead of ${reference}. Nothing was copied.`);
  }
  return { manifest, digest };
}

function parsed({ body }: Manifest): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
