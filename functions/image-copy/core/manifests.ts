/** Reads OCI and Docker manifests. https://github.com/opencontainers/image-spec/blob/main/manifest.md */

/** The media types that a registry may answer with. They stand for an index of several platforms, or for one image. */
export const INDEX_TYPES: readonly string[] = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
export const IMAGE_TYPES: readonly string[] = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Finds the digest of the Linux image for an architecture in an index; `undefined` if there is none. */
export function imageFor(index: unknown, architecture: string): string | undefined {
  const digests = listOf(index, 'manifests').flatMap((entry) => {
    const platform = member(entry, 'platform');
    const matches = member(platform, 'os') === 'linux' && member(platform, 'architecture') === architecture;
    return matches ? digestOf(entry) : [];
  });
  return digests[0];
}

/** The digests of an image's configuration and its layers, without duplicates; `undefined` if the document isn't an image manifest. */
export function blobsOf(image: unknown): readonly string[] | undefined {
  const config = digestOf(member(image, 'config'));
  const layers = listOf(image, 'layers');
  const digests = layers.flatMap(digestOf);
  if (config.length === 0 || layers.length === 0 || digests.length !== layers.length) return undefined;
  return [...new Set([...config, ...digests])];
}

function digestOf(descriptor: unknown): string[] {
  const digest = member(descriptor, 'digest');
  return typeof digest === 'string' && DIGEST.test(digest) ? [digest] : [];
}

function listOf(value: unknown, key: string): readonly unknown[] {
  const list = member(value, key);
  return Array.isArray(list) ? list : [];
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}
