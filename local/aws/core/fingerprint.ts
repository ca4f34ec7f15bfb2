/** Serializes the parameters, independently of the order of their members. */
export function fingerprintOf(parameters: unknown): string {
  return JSON.stringify(sorted(parameters));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
