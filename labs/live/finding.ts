/** What a check found. */
export interface Finding {
  readonly result: 'confirmed' | 'refuted' | 'not settled';
  /** What was seen. */
  readonly facts: readonly string[];
}

export const confirmed = (...facts: string[]): Finding => ({ result: 'confirmed', facts });
export const refuted = (...facts: string[]): Finding => ({ result: 'refuted', facts });
export const notSettled = (...facts: string[]): Finding => ({ result: 'not settled', facts });
export const settled = (isTrue: boolean, ...facts: string[]): Finding =>
  isTrue ? confirmed(...facts) : refuted(...facts);

/** Seconds between two times; `undefined` if one is absent. */
export function secondsBetween(from: string | undefined, to: string | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : (Date.parse(to) - Date.parse(from)) / 1000;
}
