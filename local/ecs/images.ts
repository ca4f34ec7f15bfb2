import { createHash } from 'node:crypto';

/** The parts of an image that a process runner uses: Docker's ENTRYPOINT, CMD and ENV, and its programs. */
export interface Image {
  /** The first item must be an absolute path, because images have no working directory here. */
  readonly entryPoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Directories at the beginning of the PATH. */
  readonly path?: readonly string[];
}

/** Images with a shell and the machine's own programs, under well-known names. */
export const ORDINARY_IMAGES: Readonly<Record<string, Image>> = Object.fromEntries(
  ['busybox', 'alpine', 'debian', 'ubuntu', 'public.ecr.aws/docker/library/busybox'].map((name) => [
    name,
    { command: ['/bin/sh'] },
  ]),
);

/** The images that can be pulled. A name without a tag matches all its tags. */
export class Images {
  readonly #images = new Map<string, Image>();

  constructor(images: Readonly<Record<string, Image>>) {
    for (const [reference, image] of Object.entries(images)) this.set(reference, image);
  }

  /** Adds an image, or replaces the one with that name. */
  set(reference: string, image: Image): void {
    this.#images.set(familiar(reference), image);
  }

  /** The image for a reference: with exactly this tag or digest, or otherwise with only the name. */
  find(reference: string): Image | undefined {
    const name = familiar(reference);
    return this.#images.get(name) ?? this.#images.get(withoutVersion(name));
  }
}

/** `busybox` → `docker.io/library/busybox:latest`, the form in the vendor's pull errors. */
export function canonicalReference(reference: string): string {
  const name = withoutVersion(reference);
  const version = reference.slice(name.length) || ':latest';
  const [host = ''] = name.split('/');
  if (name.includes('/') && (/[.:]/.test(host) || host === 'localhost')) return name + version;
  return `docker.io/${name.includes('/') ? '' : 'library/'}${name}${version}`;
}

/** The digest in the reference, or a stable digest of its text. */
export function digestOf(reference: string): string {
  return (
    /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1] ?? `sha256:${createHash('sha256').update(reference).digest('hex')}`
  );
}

function familiar(reference: string): string {
  return reference.replace(/^docker\.io\/(library\/)?/, '').replace(/:latest$/, '');
}

function withoutVersion(reference: string): string {
  return reference.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
}
