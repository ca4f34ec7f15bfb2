import { BatchGetImageCommand, type ECRClient, GetDownloadUrlForLayerCommand } from '@aws-sdk/client-ecr';
import { IMAGE_TYPES, INDEX_TYPES } from '../core/manifests.ts';
import { ImageCopyError, inTime } from '../errors.ts';
import type { Manifest, Source } from '../ports.ts';
import { layerBody, messageOf } from './layer-body.ts';

export interface EcrSourceOptions {
  readonly client: ECRClient;
  readonly repositoryName: string;
  readonly fetch: typeof fetch;
  /** Aborts when the time for the whole copy is over. */
  readonly signal: AbortSignal;
}

/**
 * An ECR repository in this account and region, from which an image is copied.
 *
 * It uses ECR's API instead of the registry protocol, which would need `ecr:GetAuthorizationToken`. IAM can't limit that permission to a
 * repository. ECR also serves an image's configuration as a layer (unverified on a live account).
 */
export class EcrSource implements Source {
  readonly #options: EcrSourceOptions;

  constructor(options: EcrSourceOptions) {
    this.#options = options;
  }

  async manifest(reference: string): Promise<Manifest> {
    const { client, repositoryName, signal } = this.#options;
    const { images = [], failures = [] } = await client
      .send(
        new BatchGetImageCommand({
          repositoryName,
          imageIds: [reference.startsWith('sha256:') ? { imageDigest: reference } : { imageTag: reference }],
          acceptedMediaTypes: [...INDEX_TYPES, ...IMAGE_TYPES],
        }),
        { abortSignal: signal },
      )
      .catch(this.#denied('BatchGetImage'))
      .catch(inTime('ECR', 'BatchGetImage', signal));
    const { imageManifest, imageManifestMediaType = '' } = images[0] ?? {};
    if (imageManifest !== undefined) return { mediaType: imageManifestMediaType, body: imageManifest };
    const cause = failures[0]?.failureCode ?? 'no image';
    throw this.#error(
      `ECR has no image ${reference} there (${cause}). The CDK publishes it before the deployment: deploy again with the CDK`,
    );
  }

  async blob(digest: string): Promise<AsyncIterable<Uint8Array>> {
    const { client, repositoryName, signal } = this.#options;
    const { downloadUrl } = await client
      .send(new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: digest }), { abortSignal: signal })
      .catch(this.#denied('GetDownloadUrlForLayer'))
      .catch(inTime('ECR', 'GetDownloadUrlForLayer', signal));
    if (downloadUrl === undefined) throw this.#error(`ECR has no URL for layer ${digest}. Deploy again`);
    // The URL is signed, so no message contains it.
    const { host } = new URL(downloadUrl);
    const { body, status } = await this.#fetch(downloadUrl, host);
    if (status !== 200 || body === null) {
      throw this.#error(`${host} answered ${status} instead of layer ${digest}. Deploy again`);
    }
    const error = (what: string) => this.#error(`layer ${digest} from ${host} ${what}. Deploy again`);
    return layerBody(body, { signal, error });
  }

  async #fetch(url: string, host: string): Promise<Response> {
    const { signal } = this.#options;
    try {
      return await this.#options.fetch(url, { signal });
    } catch (error) {
      if (signal.aborted) throw this.#error(`${host} did not answer in time. Deploy again`);
      throw this.#error(`${host} does not answer: ${messageOf(error)}. Deploy again`);
    }
  }

  /** The stack gives the role the permission, so only a policy outside the stack can deny it. */
  #denied(operation: string): (error: unknown) => never {
    return (error) => {
      if (!(error instanceof Error) || error.name !== 'AccessDeniedException') throw error;
      throw this.#error(
        `ECR denies ecr:${operation} to the role of this function, although the stack allows it. Look for a deny in the permissions boundary of the role, in the policy of the repository and in the service control policies, and deploy again`,
      );
    };
  }

  #error(what: string): ImageCopyError {
    const { repositoryName } = this.#options;
    return new ImageCopyError(
      `The built image in the repository ${repositoryName} can't be copied into the stack's repository: ${what}.`,
    );
  }
}
