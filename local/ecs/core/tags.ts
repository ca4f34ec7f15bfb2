import * as z from 'zod';

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** Tags per resource, https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html */
export const MAX_TAGS = 50;

const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

const text = (most: number, what: string) =>
  z
    .string()
    .max(most, `Tag ${what} must be at most ${most} characters long.`)
    .regex(allowed, `Tag ${what} may hold letters, numbers, spaces and _ . : / = + - @ only.`)
    .refine((value) => !/^aws:/i.test(value), `Tag ${what}s must not begin with "aws:".`);

const tag = z
  .object({
    key: text(128, 'key').min(1, 'Tag key must be at least 1 character long.'),
    value: text(256, 'value').default(''),
  })
  .readonly();

/** Tags in a request: at most 50, with unique keys of 1–128 characters and values of up to 256 characters. */
export const tagList = z
  .array(tag)
  .max(MAX_TAGS, `Tags can have at most ${MAX_TAGS} items.`)
  .refine((tags) => new Set(tags.map(({ key }) => key)).size === tags.length, 'Duplicate tag keys found.');

/** Both lists of tags together. For a key in both, the value in `added` is used. */
export function mergeTags(tags: readonly Tag[], added: readonly Tag[]): Tag[] {
  const values = new Map([...tags, ...added].map(({ key, value }) => [key, value]));
  return [...values].map(([key, value]) => ({ key, value }));
}
