/** Launch templates and the images that they use. */
import type { LaunchTemplate } from './instance.ts';
import { imageNotFound, imageParameterNotFound, templateNotFound, templateVersionNotFound } from './wording.ts';

const PARAMETER = 'resolve:ssm:';

export class LaunchTemplates {
  readonly #versions = new Map<string, LaunchTemplate[]>();
  readonly #images = new Set<string>();
  readonly #parameter: (name: string) => string | undefined;

  /** @param parameter value of a parameter of Systems Manager */
  constructor(parameter: (name: string) => string | undefined) {
    this.#parameter = parameter;
  }

  /** Adds a version, or replaces it. */
  put(template: LaunchTemplate): void {
    const others = (this.#versions.get(template.id) ?? []).filter(({ version }) => version !== template.version);
    const versions = [...others, template].sort((one, other) => one.version - other.version);
    this.#versions.set(template.id, versions);
  }

  /** Makes an image available: `ami-…`. */
  putImage(imageId: string): void {
    this.#images.add(imageId);
  }

  deleteImage(imageId: string): void {
    this.#images.delete(imageId);
  }

  /** @param version a number, `$Latest` or `$Default`; here, the default is the latest @throws ApiError */
  find(id: string, version: string): LaunchTemplate {
    const versions = this.#versions.get(id);
    if (versions === undefined) throw templateNotFound(id);
    const found = ['$Latest', '$Default'].includes(version)
      ? versions.at(-1)
      : versions.find((candidate) => String(candidate.version) === version);
    if (found === undefined) throw templateVersionNotFound(id, version);
    return found;
  }

  /** The image that a template means at this time: `ami-…`. @throws ApiError */
  imageOf({ imageId }: LaunchTemplate): string {
    const found = imageId.startsWith(PARAMETER) ? this.#resolved(imageId.slice(PARAMETER.length)) : imageId;
    if (!this.#images.has(found)) throw imageNotFound(found);
    return found;
  }

  #resolved(name: string): string {
    const imageId = this.#parameter(name);
    if (imageId === undefined) throw imageParameterNotFound(name);
    return imageId;
  }
}
