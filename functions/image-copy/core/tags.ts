/**
 * Tags of copies. The repository's tags are immutable, so a tag contains what could change behind it: the image's digest. It also contains
 * the resource of the stack that needs the image. If two resources need the same image, the image has two tags, and it stays until neither
 * needs it.
 */

/** The resource of the stack that needs a copy. */
export interface CopyOwner {
  /** Beginning of the tag: the architecture, and what stands for the reference. */
  readonly prefix: string;
  /** Hash of the resource's logical ID. */
  readonly resource: string;
}

/** Digits of the digest in a tag. */
const DIGEST_DIGITS = 12;

/** The tag of a copy. @param digest - `sha256:…` */
export function tagOf({ prefix, resource }: CopyOwner, digest: string): string {
  return `${prefix}-${resource}-${digest.replace('sha256:', '').slice(0, DIGEST_DIGITS)}`;
}

/** The tags that a resource has given. A reference can have more than one: a tag of a registry can move to another image. */
export function tagsOf({ prefix, resource }: CopyOwner, tags: readonly string[]): string[] {
  const start = `${prefix}-${resource}-`;
  return tags.filter((tag) => tag.startsWith(start) && /^[0-9a-f]{12}$/.test(tag.slice(start.length)));
}

/**
 * Physical ID of the resource. CloudFormation deletes the old copy if the ID changes in an update, after all resources have been updated.
 * Resources from before these IDs have other ones, so nothing is deleted for them.
 */
export function copyId({ TargetRepository, TargetTag }: Readonly<Record<'TargetRepository' | 'TargetTag', string>>) {
  return `${TargetRepository}/${TargetTag}`;
}
