/** The value of a secret that contains an agent token. */

declare global {
  interface JSON {
    /**
     * With the source text of values in `JSON.parse`, a part of ECMAScript that TypeScript 7.0 doesn't know. Node 22 has it.
     * https://github.com/tc39/proposal-json-parse-with-source
     */
    rawJSON(text: string): object;
  }
}

/**
 * Text of a secret after a token was put into it. Other keys keep their values, with all digits of numbers.
 *
 * @param before the current text; `undefined` if the secret is empty
 * @param jsonKey key of the token; `undefined` if the secret contains only the token
 * @returns `undefined` if the current text isn't a JSON object, so that the token has no place in it
 */
export function textWithToken(
  before: string | undefined,
  jsonKey: string | undefined,
  token: string,
): string | undefined {
  if (jsonKey === undefined) return token;
  const others = before === undefined ? {} : objectIn(before);
  return others === undefined ? undefined : JSON.stringify({ ...others, [jsonKey]: token });
}

function objectIn(text: string): object | undefined {
  try {
    // A number can have more digits than JavaScript keeps.
    const value: unknown = JSON.parse(text, (_, part, context?: { readonly source?: string }) =>
      typeof part === 'number' ? JSON.rawJSON(String(context?.source)) : part,
    );
    // A number is an object now.
    return text.trimStart().startsWith('{') && typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
