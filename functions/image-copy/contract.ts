/** Names and types that both the stack and the image-copy function use. */

/** CPU architecture of an image, as in an OCI index. */
export type ImageArchitecture = 'amd64' | 'arm64';

/** Properties of the custom resource. They say which image to copy into which repository. */
export interface ImageCopyProperties {
  /** Host of the registry, such as `registry-1.docker.io`; absent: ECR in this account and region. */
  readonly Registry?: string;
  /** Repository in that registry, such as `hashicorp/tfc-agent`. */
  readonly Repository: string;
  /** Tag or digest. */
  readonly Reference: string;
  readonly Architecture: ImageArchitecture;
  /** ECR repository in this account. */
  readonly TargetRepository: string;
  /** Beginning of the copy's tag. */
  readonly TargetTag: string;
  /** Secret with `username` and `password` (or `accessToken`) for the registry; absent: the image is pulled anonymously. */
  readonly CredentialsSecret?: string;
  /** Key of the login, if the secret has others; absent: the secret contains only the login. */
  readonly CredentialsJsonKey?: string;
}

/** Attribute of the custom resource: the digest of the copy, which the task definitions refer to. */
export const DIGEST_ATTRIBUTE = 'Digest';
