/** What the stack and the function that copies images agree on. */

/** Architecture of an image, as OCI's indexes have it. */
export type ImageArchitecture = 'amd64' | 'arm64';

/** Properties of the custom resource: which image goes into which repository. */
export interface ImageCopyProperties {
  /** Host of the registry, such as `registry-1.docker.io`. */
  readonly Registry: string;
  /** Repository in that registry, such as `hashicorp/tfc-agent`. */
  readonly Repository: string;
  /** Tag or digest. */
  readonly Reference: string;
  readonly Architecture: ImageArchitecture;
  /** Repository of this account's ECR. */
  readonly TargetRepository: string;
  /** Tag of the copy. */
  readonly TargetTag: string;
  /** Secret with `username` and `accessToken` for the registry. Without it the registry is asked anonymously. */
  readonly CredentialsSecret?: string;
}

/** Attribute of the custom resource: the digest of the copy, which the task definitions refer to. */
export const DIGEST_ATTRIBUTE = 'Digest';
