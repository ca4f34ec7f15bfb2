/** Whether unchecked input is an object with properties: neither null nor a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Repeated values, each with the position of its first occurrence. */
export function repeated(values: readonly unknown[]): { index: number; value: unknown; first: number }[] {
  return values
    .map((value, index) => ({ index, value, first: values.indexOf(value) }))
    .filter(({ index, value, first }) => value !== undefined && first !== index);
}

/** The value at a path; `undefined` if there is none. */
export function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined,
    given,
  );
}
