/** The external services that are necessary to copy an image. */

/** A manifest with the exact bytes that the registry sent, because they determine its digest. */
export interface Manifest {
  readonly mediaType: string;
  readonly body: string;
}

/** The registry or repository to copy an image from. */
export interface Source {
  /** @param reference - a tag or a digest */
  manifest(reference: string): Promise<Manifest>;
  blob(digest: string): Promise<AsyncIterable<Uint8Array>>;
}

/** The repository to copy an image into. */
export interface Target {
  has(digest: string): Promise<boolean>;
  /** Stores a blob. Fails if its bytes don't match the digest. */
  upload(digest: string, blob: AsyncIterable<Uint8Array>): Promise<void>;
  put(manifest: Manifest, digest: string, tag: string): Promise<void>;
  /** All tags. */
  tags(): Promise<string[]>;
  /** Removes tags. An image without another tag is deleted. */
  removeTags(tags: readonly string[]): Promise<void>;
}
