import * as z from 'zod';

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html */
const item = z
  .object({
    capacityProvider: z.string(),
    weight: z
      .int()
      .min(0, 'Capacity provider weight must be 0 to 1000.')
      .max(1000, 'Capacity provider weight must be 0 to 1000.')
      .default(0),
    base: z
      .int()
      .min(0, 'Capacity provider base must be 0 to 100000.')
      .max(100_000, 'Capacity provider base must be 0 to 100000.')
      .default(0),
  })
  .readonly();

export const capacityStrategy = z
  .array(item)
  .max(20, 'A capacity provider strategy can hold at most 20 capacity providers.')
  .refine(
    (items) => items.filter(({ base }) => base > 0).length <= 1,
    'Only one capacity provider in a strategy can have a base.',
  )
  .refine(
    (items) => items.length === 0 || items.some(({ weight }) => weight > 0),
    'At least one capacity provider in a strategy must have a weight greater than 0.',
  )
  .readonly();

export type CapacityStrategy = z.output<typeof capacityStrategy>;

/** The provider for each of `count` tasks: first the base, then by weight. As in AWS, a strategy never falls back to another provider. */
export function providersOf(strategy: CapacityStrategy, count: number): string[] {
  const chosen: string[] = [];
  for (const { capacityProvider, base } of strategy) {
    for (let left = base; left > 0 && chosen.length < count; left -= 1) chosen.push(capacityProvider);
  }
  const weighted = strategy.filter(({ weight }) => weight > 0);
  const given = new Map<string, number>();
  while (chosen.length < count) {
    const [next] = weighted.toSorted(
      (a, b) =>
        (given.get(a.capacityProvider) ?? 0) / a.weight - (given.get(b.capacityProvider) ?? 0) / b.weight ||
        b.weight - a.weight,
    );
    if (next === undefined) break;
    given.set(next.capacityProvider, (given.get(next.capacityProvider) ?? 0) + 1);
    chosen.push(next.capacityProvider);
  }
  return chosen;
}
