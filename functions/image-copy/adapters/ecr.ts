import {
  BatchCheckLayerAvailabilityCommand,
  BatchDeleteImageCommand,
  CompleteLayerUploadCommand,
  type ECRClient,
  ImageAlreadyExistsException,
  InitiateLayerUploadCommand,
  LayerAlreadyExistsException,
  PutImageCommand,
  paginateListImages,
  UploadLayerPartCommand,
} from '@aws-sdk/client-ecr';
import { ImageCopyError, inTime } from '../errors.ts';
import type { Manifest, Target } from '../ports.ts';

/** Size of an uploaded part. ECR accepts parts of 5 to 20 MiB. The last part can be smaller. */
const PART_BYTES = 10 * 1024 * 1024;

/** An ECR repository in this account. */
export class EcrRepository implements Target {
  readonly #client: ECRClient;
  readonly #repositoryName: string;
  readonly #until: { readonly abortSignal: AbortSignal };

  /** @param signal - aborts when the time for the whole copy is over */
  constructor(client: ECRClient, repositoryName: string, signal: AbortSignal) {
    this.#client = client;
    this.#repositoryName = repositoryName;
    this.#until = { abortSignal: signal };
  }

  #inTime(operation: string) {
    return inTime('ECR', operation, this.#until.abortSignal);
  }

  async has(digest: string): Promise<boolean> {
    const { layers = [] } = await this.#client
      .send(
        new BatchCheckLayerAvailabilityCommand({ repositoryName: this.#repositoryName, layerDigests: [digest] }),
        this.#until,
      )
      .catch(this.#inTime('BatchCheckLayerAvailability'));
    return layers.some(({ layerAvailability }) => layerAvailability === 'AVAILABLE');
  }

  async upload(digest: string, blob: AsyncIterable<Uint8Array>): Promise<void> {
    const repositoryName = this.#repositoryName;
    const { uploadId } = await this.#client
      .send(new InitiateLayerUploadCommand({ repositoryName }), this.#until)
      .catch(this.#inTime('InitiateLayerUpload'));
    if (uploadId === undefined) throw new ImageCopyError('ECR did not start the upload. Deploy again.');
    let partFirstByte = 0;
    for await (const layerPartBlob of parts(blob)) {
      const partLastByte = partFirstByte + layerPartBlob.byteLength - 1;
      await this.#client
        .send(
          new UploadLayerPartCommand({ repositoryName, uploadId, partFirstByte, partLastByte, layerPartBlob }),
          this.#until,
        )
        .catch(this.#inTime('UploadLayerPart'));
      partFirstByte = partLastByte + 1;
    }
    await this.#client
      .send(new CompleteLayerUploadCommand({ repositoryName, uploadId, layerDigests: [digest] }), this.#until)
      .catch(this.#inTime('CompleteLayerUpload'))
      .catch(except(LayerAlreadyExistsException));
  }

  async put(manifest: Manifest, digest: string, tag: string): Promise<void> {
    await this.#client
      .send(
        new PutImageCommand({
          repositoryName: this.#repositoryName,
          imageManifest: manifest.body,
          imageManifestMediaType: manifest.mediaType,
          imageDigest: digest,
          imageTag: tag,
        }),
        this.#until,
      )
      .catch(this.#inTime('PutImage'))
      .catch(except(ImageAlreadyExistsException));
  }

  async tags(): Promise<string[]> {
    const all: string[] = [];
    const pages = paginateListImages(
      { client: this.#client },
      { repositoryName: this.#repositoryName, filter: { tagStatus: 'TAGGED' } },
      this.#until,
    );
    try {
      for await (const { imageIds = [] } of pages) {
        for (const { imageTag } of imageIds) if (imageTag !== undefined) all.push(imageTag);
      }
    } catch (error) {
      this.#inTime('ListImages')(error);
    }
    return all;
  }

  async removeTags(tags: readonly string[]): Promise<void> {
    for (let first = 0; first < tags.length; first += MOST_IMAGES) {
      const imageIds = tags.slice(first, first + MOST_IMAGES).map((imageTag) => ({ imageTag }));
      const { failures = [] } = await this.#client
        .send(new BatchDeleteImageCommand({ repositoryName: this.#repositoryName, imageIds }), this.#until)
        .catch(this.#inTime('BatchDeleteImage'));
      const [failure] = failures;
      if (failure !== undefined) {
        throw new ImageCopyError(`ECR did not delete ${failure.imageId?.imageTag}: ${failure.failureReason}.`);
      }
    }
  }
}

/** Maximum number of images in a request. */
const MOST_IMAGES = 100;

/** Ignores one class of errors: ECR already has what was sent. */
function except(known: typeof ImageAlreadyExistsException | typeof LayerAlreadyExistsException) {
  return (error: unknown): void => {
    if (!(error instanceof known)) throw error;
  };
}

/** Joins chunks from the network into parts of the size that ECR accepts. */
async function* parts(blob: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of blob) {
    let rest = chunk;
    while (bytes + rest.byteLength >= PART_BYTES) {
      const fits = PART_BYTES - bytes;
      chunks.push(rest.subarray(0, fits));
      yield Buffer.concat(chunks);
      rest = rest.subarray(fits);
      chunks = [];
      bytes = 0;
    }
    if (rest.byteLength > 0) chunks.push(rest);
    bytes += rest.byteLength;
  }
  if (bytes > 0) yield Buffer.concat(chunks);
}
