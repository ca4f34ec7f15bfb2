import { createHash } from 'node:crypto';

/** What an image holds, as far as a process runner can tell: Docker's ENTRYPOINT, CMD and ENV, and its programs. */
export interface Image {
  /** Absolute path of the program first, as no image has a working directory here. */
  readonly entryPoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Directories that come first on the PATH. */
  readonly path?: readonly string[];
}

/** Small images that everybody knows: a shell and the machine's own programs. */
export const ORDINARY_IMAGES: Readonly<Record<string, Image>> = Object.fromEntries(
  ['busybox', 'alpine', 'debian', 'ubuntu', 'public.ecr.aws/docker/library/busybox'].map((name) => [
    name,
    { command: ['/bin/sh'] },
  ]),
);

/** The images that can be pulled. A name without tag stands for all its tags. */
export class Images {
  readonly #images = new Map<string, Image>();

  constructor(images: Readonly<Record<string, Image>>) {
    for (const [reference, image] of Object.entries(images)) this.set(reference, image);
  }

  /** Adds an image, or replaces the one of that name. */
  set(reference: string, image: Image): void {
    this.#images.set(familiar(reference), image);
  }

  /** The image for a reference: the one of exactly this tag or digest, else that of the name alone. */
  find(reference: string): Image | undefined {
    const name = familiar(reference);
    return this.#images.get(name) ?? this.#images.get(withoutVersion(name));
  }
}

/** `busybox` → `docker.io/library/busybox:latest`, as the vendor names it when it can't be pulled. */
export function canonicalReference(reference: string): string {
  const name = withoutVersion(reference);
  const version = reference.slice(name.length) || ':latest';
  const [host = ''] = name.split('/');
  if (name.includes('/') && (/[.:]/.test(host) || host === 'localhost')) return name + version;
  return `docker.io/${name.includes('/') ? '' : 'library/'}${name}${version}`;
}

/** The digest in the reference, or else one made of its text: always the same for the same reference. */
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
