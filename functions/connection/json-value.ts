/** The string under a key of a JSON object; `undefined` if the text is no JSON object, or has no such string. */
export function stringUnderKey(text: string, key: string): string | undefined {
  const object = jsonObject(text);
  if (object === undefined || !Object.hasOwn(object, key)) return undefined;
  const value: unknown = Reflect.get(object, key);
  return typeof value === 'string' ? value : undefined;
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
