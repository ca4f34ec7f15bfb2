/** A deliberate mistake in the rules that the lab must detect. */
export interface Break<Rules> {
  readonly name: string;
  readonly apply: (rules: Rules) => Rules;
  /** Names of the results that must change. */
  readonly shows: readonly string[];
}

export interface DetectedBreak {
  readonly name: string;
  readonly red: readonly string[];
  readonly missing: readonly string[];
}

/**
 * Tries each break.
 *
 * @param tryRules returns the given names that don't have the expected result
 */
export async function tryBreaks<Rules>(
  breaks: readonly Break<Rules>[],
  rules: Rules,
  tryRules: (broken: Rules, shows: readonly string[]) => Promise<readonly string[]>,
): Promise<DetectedBreak[]> {
  const found: DetectedBreak[] = [];
  for (const { name, apply, shows } of breaks) {
    const broken = apply(rules);
    if (JSON.stringify(broken) === JSON.stringify(rules)) throw new Error(`The break "${name}" changes nothing.`);
    const red = await tryRules(broken, shows);
    found.push({ name, red, missing: shows.filter((each) => !red.includes(each)) });
  }
  return found;
}
