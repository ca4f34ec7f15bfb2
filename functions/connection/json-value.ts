/** The string under a key of a JSON object; `undefined` if the text isn't a JSON object, or has no such string. */
export function stringUnderKey(text: string, key: string): string | undefined {
  const value = valueUnderKey(text, key);
  return typeof value === 'string' ? value : undefined;
}

/** The value under a key of a JSON object; `undefined` if the text isn't a JSON object, or has no such key. */
export function valueUnderKey(text: string, key: string): unknown {
  const object = jsonObject(text);
  return object === undefined || !Object.hasOwn(object, key) ? undefined : Reflect.get(object, key);
}

/** The JSON object or array in a text; `undefined` if there is none. */
export function jsonObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
