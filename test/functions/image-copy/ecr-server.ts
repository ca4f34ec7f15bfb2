/**
 * ECR over HTTP, in memory, with the rules of its API reference that copies depend on: immutable tags, layers that belong to a repository,
 * images that are deleted with their last tag, and pages. It is also the server of the signed URLs, and of CloudFormation's answers.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { listen } from '../../loopback.ts';

export const digestOf = (body: string | Buffer) => `sha256:${createHash('sha256').update(body).digest('hex')}`;

interface StoredImage {
  readonly body: string;
  readonly mediaType: string;
}

interface Repository {
  readonly layers: Map<string, Buffer>;
  /** By digest. */
  readonly images: Map<string, StoredImage>;
  /** Digest of each tag. */
  readonly tags: Map<string, string>;
}

interface Input {
  readonly repositoryName: string;
  readonly imageIds: readonly { readonly imageTag?: string; readonly imageDigest?: string }[];
  readonly layerDigest: string;
  readonly layerDigests: readonly string[];
  readonly layerPartBlob: string;
  readonly uploadId: string;
  readonly imageManifest: string;
  readonly imageManifestMediaType: string;
  readonly imageDigest: string;
  readonly imageTag: string;
  readonly nextToken?: string;
}

class Refusal extends Error {}
const refuse = (exception: string, message: string): never => {
  throw new Refusal(JSON.stringify({ __type: exception, message }));
};

/** Tags of a page. */
const PAGE = 2;

export class EcrServer {
  readonly repositories = new Map<string, Repository>();
  /** Names of the operations, in their order. */
  readonly operations: string[] = [];
  /** Bodies of the answers to CloudFormation. */
  readonly answers: string[] = [];
  /** Status of every signed URL; default: 200. */
  layerStatus = 200;
  /** Operation that a policy denies. */
  denied?: string | undefined;
  url = '';
  readonly #server: Server;
  readonly #uploads = new Map<string, Buffer>();

  constructor() {
    this.#server = createServer(async (request, response) => {
      const body = await bodyOf(request);
      const path = request.url ?? '';
      if (path.startsWith('/answer')) {
        this.answers.push(body.toString());
        response.end();
        return;
      }
      const [, , name = '', digest = ''] = path.split('?')[0]?.split('/') ?? [];
      if (path.startsWith('/layers/')) {
        const layer = this.repositories.get(decodeURIComponent(name))?.layers.get(digest);
        response.writeHead(layer === undefined ? 403 : this.layerStatus).end(layer);
        return;
      }
      const operation = `${request.headers['x-amz-target']}`.split('.')[1] ?? '';
      this.operations.push(operation);
      try {
        const answer = this.#answer(operation, JSON.parse(body.toString()));
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end(error.message);
      }
    });
  }

  async start(): Promise<void> {
    this.url = `http://127.0.0.1:${await listen(this.#server)}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Puts an image with one layer into a repository, as `docker push` does. @returns the digest of its manifest */
  push(name: string, tag: string, content: string, wrap = (manifest: string): string | undefined => manifest): string {
    const repository = this.#orNew(name);
    const config = JSON.stringify({ architecture: 'amd64', os: 'linux', content });
    for (const blob of [config, content]) repository.layers.set(digestOf(blob), Buffer.from(blob));
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = JSON.stringify({
      mediaType,
      config: { digest: digestOf(config) },
      layers: [{ digest: digestOf(content) }],
    });
    const digest = digestOf(manifest);
    repository.images.set(digest, { body: manifest, mediaType });
    const index = wrap(manifest);
    if (index === undefined || index === manifest) {
      repository.tags.set(tag, digest);
      return digest;
    }
    repository.images.set(digestOf(index), { body: index, mediaType: 'application/vnd.oci.image.index.v1+json' });
    repository.tags.set(tag, digestOf(index));
    return digest;
  }

  create(name: string): void {
    this.#orNew(name);
  }

  /** Whether a task could pull the image. */
  canPull(name: string, digest: string): boolean {
    const repository = this.repositories.get(name);
    const image = repository?.images.get(digest);
    if (repository === undefined || image === undefined) return false;
    return blobs(image.body).every((blob) => repository.layers.has(blob));
  }

  #orNew(name: string): Repository {
    const known = this.repositories.get(name) ?? { layers: new Map(), images: new Map(), tags: new Map() };
    this.repositories.set(name, known);
    return known;
  }

  #answer(operation: string, input: Input): object {
    if (operation === this.denied) refuse('AccessDeniedException', 'not authorized, with an explicit deny');
    const repository =
      this.repositories.get(input.repositoryName) ??
      refuse('RepositoryNotFoundException', `The repository with name '${input.repositoryName}' does not exist`);
    switch (operation) {
      case 'BatchGetImage': {
        const [{ imageTag, imageDigest } = {}] = input.imageIds;
        const digest = imageDigest ?? repository.tags.get(imageTag ?? '');
        const image = repository.images.get(digest ?? '');
        if (image === undefined) return { images: [], failures: [{ failureCode: 'ImageNotFound' }] };
        return { images: [{ imageManifest: image.body, imageManifestMediaType: image.mediaType }], failures: [] };
      }
      case 'GetDownloadUrlForLayer': {
        if (!repository.layers.has(input.layerDigest)) refuse('LayersNotFoundException', 'no such layer');
        const name = encodeURIComponent(input.repositoryName);
        return { downloadUrl: `${this.url}/layers/${name}/${input.layerDigest}?X-Amz-Signature=secret` };
      }
      case 'BatchCheckLayerAvailability':
        return {
          layers: input.layerDigests
            .filter((digest) => repository.layers.has(digest))
            .map((layerDigest) => ({ layerDigest, layerAvailability: 'AVAILABLE' })),
        };
      case 'InitiateLayerUpload': {
        const uploadId = `upload-${this.#uploads.size}`;
        this.#uploads.set(uploadId, Buffer.alloc(0));
        return { uploadId };
      }
      case 'UploadLayerPart': {
        const before = this.#uploads.get(input.uploadId) ?? refuse('UploadNotFoundException', 'no such upload');
        this.#uploads.set(input.uploadId, Buffer.concat([before, Buffer.from(input.layerPartBlob, 'base64')]));
        return {};
      }
      case 'CompleteLayerUpload': {
        const blob = this.#uploads.get(input.uploadId) ?? refuse('UploadNotFoundException', 'no such upload');
        const [digest = ''] = input.layerDigests;
        if (digestOf(blob) !== digest) refuse('InvalidLayerException', 'the digest is wrong');
        repository.layers.set(digest, blob);
        return {};
      }
      case 'PutImage': {
        const digest = digestOf(input.imageManifest);
        if (digest !== input.imageDigest) refuse('ImageDigestDoesNotMatchException', 'the digest is wrong');
        if (!blobs(input.imageManifest).every((blob) => repository.layers.has(blob))) {
          refuse('LayersNotFoundException', 'a layer is missing');
        }
        const before = repository.tags.get(input.imageTag);
        if (before === digest) refuse('ImageAlreadyExistsException', 'the image exists');
        if (before !== undefined) refuse('ImageTagAlreadyExistsException', 'the tag is immutable');
        repository.images.set(digest, { body: input.imageManifest, mediaType: input.imageManifestMediaType });
        repository.tags.set(input.imageTag, digest);
        return {};
      }
      case 'ListImages': {
        const all = [...repository.tags].map(([imageTag, imageDigest]) => ({ imageTag, imageDigest }));
        const first = Number(input.nextToken ?? 0);
        const next = first + PAGE;
        return { imageIds: all.slice(first, next), ...(next < all.length && { nextToken: `${next}` }) };
      }
      case 'BatchDeleteImage':
        for (const { imageTag = '' } of input.imageIds) {
          const digest = repository.tags.get(imageTag);
          repository.tags.delete(imageTag);
          if (digest !== undefined && ![...repository.tags.values()].includes(digest)) repository.images.delete(digest);
        }
        return { imageIds: input.imageIds, failures: [] };
      default:
        return refuse('InvalidAction', operation);
    }
  }
}

function blobs(manifest: string): string[] {
  const { config, layers } = JSON.parse(manifest);
  return [config, ...layers].map(({ digest }: { readonly digest: string }) => digest);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
