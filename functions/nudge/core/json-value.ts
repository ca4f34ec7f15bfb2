/** The string under a key of a JSON object; `undefined` if the text is no JSON object, or has no such string. */
export function stringUnderKey(text: string, key: string): string | undefined {
  try {
    const object: unknown = JSON.parse(text);
    if (typeof object !== 'object' || object === null || !Object.hasOwn(object, key)) return undefined;
    const value: unknown = Reflect.get(object, key);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
