/** Amazon ECR: which images exist. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html */
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import { pageOf } from '../core/pages.ts';
import { arnOf, type Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import type { JsonService } from '../json-protocol.ts';

export interface ImageInput {
  readonly repository: string;
  /** `sha256:…` */
  readonly digest: string;
  readonly tags?: readonly string[];
  /** Default: now. */
  readonly pushedAt?: Date;
  /** JSON of the manifest. Default: an empty one. */
  readonly manifest?: string;
}

interface Image extends Required<ImageInput> {}

const CODE = 'InvalidParameterException';
const MEDIA_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
const imageId = z.object({ imageDigest: z.string().optional(), imageTag: z.string().optional() });
const inRepository = {
  registryId: z
    .string()
    .regex(/^[0-9]{12}$/)
    .optional(),
  repositoryName: z.string().min(2).max(256),
};
const describeImages = z.object({
  ...inRepository,
  imageIds: z.array(imageId).min(1).max(100).optional(),
  nextToken: z.string().optional(),
  maxResults: z.int().min(1).max(1000).default(100),
});
const batchGetImage = z.object({ ...inRepository, imageIds: z.array(imageId).min(1).max(100) });
const describeRepositories = z.object({
  repositoryNames: z.array(z.string()).min(1).max(100).optional(),
  nextToken: z.string().optional(),
  maxResults: z.int().min(1).max(1000).default(100),
});

type ImageId = z.infer<typeof imageId>;

export class Repositories {
  readonly #place: Place;
  readonly #now: () => number;
  readonly #repositories = new Map<string, Image[]>();

  constructor(place: Place, now: () => number) {
    this.#place = place;
    this.#now = now;
  }

  readonly service: JsonService = {
    protocol: 'json',
    target: 'AmazonEC2ContainerRegistry_V20150921',
    messageMember: 'message',
    actions: {
      DescribeRepositories: (input) => this.#describeRepositories(input),
      DescribeImages: (input) => this.#describeImages(input),
      BatchGetImage: (input) => this.#batchGetImage(input),
    },
  };

  /** Does nothing if the repository exists. */
  createRepository(name: string): void {
    if (!this.#repositories.has(name)) this.#repositories.set(name, []);
  }

  /** Pushes an image, and creates its repository if necessary. A tag moves to the image. */
  push({ repository, digest, tags = [], pushedAt = new Date(this.#now()), manifest = '{}' }: ImageInput): void {
    const others = (this.#repositories.get(repository) ?? [])
      .filter((image) => image.digest !== digest)
      .map((image) => ({ ...image, tags: image.tags.filter((tag) => !tags.includes(tag)) }));
    this.#repositories.set(repository, [...others, { repository, digest, tags, pushedAt, manifest }]);
  }

  #images(name: string): readonly Image[] {
    const images = this.#repositories.get(name);
    if (images !== undefined) return images;
    throw new ApiError(
      'RepositoryNotFoundException',
      `The repository with name '${name}' does not exist in the registry with id '${this.#place.accountId}'`,
    );
  }

  #describeRepositories(input: unknown): object {
    const wanted = validate(describeRepositories, input, CODE);
    for (const name of wanted.repositoryNames ?? []) this.#images(name);
    const names = wanted.repositoryNames ?? [...this.#repositories.keys()].sort();
    const page = pageOf(names, (name) => name, { token: wanted.nextToken, size: wanted.maxResults }, invalidToken);
    return {
      repositories: page.items.map((name) => ({
        repositoryArn: arnOf('ecr', this.#place, `repository/${name}`),
        registryId: this.#place.accountId,
        repositoryName: name,
        repositoryUri: `${this.#place.accountId}.dkr.ecr.${this.#place.region}.amazonaws.com/${name}`,
      })),
      ...(page.next !== undefined && { nextToken: page.next }),
    };
  }

  #describeImages(input: unknown): object {
    const wanted = validate(describeImages, input, CODE);
    const images = this.#images(wanted.repositoryName);
    const asked =
      wanted.imageIds === undefined
        ? images
        : [...new Set(wanted.imageIds.map((id) => this.#existing(images, id, wanted.repositoryName)))];
    const page = pageOf(
      asked,
      ({ digest }) => digest,
      { token: wanted.nextToken, size: wanted.maxResults },
      invalidToken,
    );
    return {
      imageDetails: page.items.map((image) => ({
        registryId: this.#place.accountId,
        repositoryName: image.repository,
        imageDigest: image.digest,
        ...(image.tags.length > 0 && { imageTags: image.tags }),
        imageSizeInBytes: 100_000_000,
        imagePushedAt: image.pushedAt,
        imageManifestMediaType: MEDIA_TYPE,
        artifactMediaType: 'application/vnd.docker.container.image.v1+json',
      })),
      ...(page.next !== undefined && { nextToken: page.next }),
    };
  }

  #existing(images: readonly Image[], id: ImageId, repository: string): Image {
    const image = imageOf(images, id);
    if (image !== undefined) return image;
    const { imageDigest = 'null', imageTag = 'null' } = id;
    throw new ApiError(
      'ImageNotFoundException',
      `The image with imageId {imageDigest:'${imageDigest}', imageTag:'${imageTag}'} does not exist within the repository with name '${repository}' in the registry with id '${this.#place.accountId}'`,
    );
  }

  #batchGetImage(input: unknown): object {
    const wanted = validate(batchGetImage, input, CODE);
    const images = this.#images(wanted.repositoryName);
    const found = wanted.imageIds.map((id) => ({ id, image: imageOf(images, id) }));
    return {
      images: found.flatMap(({ id, image }) =>
        image === undefined
          ? []
          : [
              {
                registryId: this.#place.accountId,
                repositoryName: image.repository,
                imageId: { ...id, imageDigest: image.digest },
                imageManifest: image.manifest,
                imageManifestMediaType: MEDIA_TYPE,
              },
            ],
      ),
      failures: found.flatMap(({ id, image }) =>
        image === undefined
          ? [{ imageId: id, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' }]
          : [],
      ),
    };
  }
}

function imageOf(images: readonly Image[], { imageDigest, imageTag }: ImageId): Image | undefined {
  if (imageDigest === undefined && imageTag === undefined) return undefined;
  return images.find(
    ({ digest, tags }) =>
      (imageDigest === undefined || digest === imageDigest) && (imageTag === undefined || tags.includes(imageTag)),
  );
}

function invalidToken(): ApiError {
  return new ApiError(CODE, "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'");
}
