/** The external services that copying an image needs. */

/** A manifest as the registry sent it: its digest is that of these very bytes. */
export interface Manifest {
  readonly mediaType: string;
  readonly body: string;
}

/** The registry that an image comes from. */
export interface Source {
  /** @param reference a tag or a digest */
  manifest(reference: string): Promise<Manifest>;
  blob(digest: string): Promise<AsyncIterable<Uint8Array>>;
}

/** The repository that an image goes to. */
export interface Target {
  has(digest: string): Promise<boolean>;
  /** Stores a blob, and fails when its bytes don't have the digest. */
  upload(digest: string, blob: AsyncIterable<Uint8Array>): Promise<void>;
  put(manifest: Manifest, digest: string, tag: string): Promise<void>;
}
