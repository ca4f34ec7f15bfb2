/** Rules that a test adds: each applies to a number of matching cases, oldest rule first. */
export class LimitedRules<Rule extends { readonly times?: number }> {
  readonly #rules = new Set<{ readonly rule: Rule; left: number }>();

  /** Adds a rule. Without `times`, it has no limit. @returns a function that removes it */
  add(rule: Rule): () => void {
    const entry = { rule, left: rule.times ?? Number.POSITIVE_INFINITY };
    this.#rules.add(entry);
    return () => this.#rules.delete(entry);
  }

  /** The first rule that matches, which has then been used once more. */
  take(matches: (rule: Rule) => boolean): Rule | undefined {
    const entry = [...this.#rules].find(({ rule }) => matches(rule));
    if (entry === undefined) return undefined;
    entry.left -= 1;
    if (entry.left <= 0) this.#rules.delete(entry);
    return entry.rule;
  }
}
