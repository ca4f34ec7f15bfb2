/** Pages of a list whose items have an order: the token of the next page is the key of the last item, so it survives changes of the list. */
export interface PageRequest {
  /** The token that an earlier page returned. */
  readonly token: string | undefined;
  readonly size: number;
}

/**
 * One page of a list.
 *
 * @param keyOf returns a key that is unique, and by which the list is sorted
 * @param invalid is thrown for a token that no page returned
 */
export function pageOf<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  { token, size }: PageRequest,
  invalid: () => Error,
): { readonly items: readonly Item[]; readonly next: string | undefined } {
  const last = token === undefined ? undefined : decodeToken(token);
  if (token !== undefined && last === undefined) throw invalid();
  const known = last === undefined ? -1 : items.findIndex((item) => keyOf(item) === last);
  if (last !== undefined && known < 0) throw invalid();
  const page = items.slice(known + 1, known + 1 + size);
  const end = page.at(-1);
  const isLast = known + 1 + size >= items.length;
  return { items: page, next: isLast || end === undefined ? undefined : encodeToken(keyOf(end)) };
}

/** A token that a client can't mistake for a name. */
export function encodeToken(text: string): string {
  return Buffer.from(`page:${text}`, 'utf8').toString('base64url');
}

export function decodeToken(token: string): string | undefined {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  return text.startsWith('page:') && encodeToken(text.slice(5)) === token ? text.slice(5) : undefined;
}
