/**
 * Random values for the fuzz labs, and valid values with a few damaged parts. Every run uses the same seed, so a failure can
 * be repeated. `FUZZ_SEED=n` sets another one.
 */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['FUZZ_SEED'] ?? 1) });

/** Values that parsers of JSON often don't expect. */
const nasty = fc.constantFrom<unknown>(
  null,
  true,
  0,
  -1,
  0.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '../..',
  '%',
  '%00',
  '__proto__',
  'constructor',
  'toString',
  '2026-13-45T99:99:99Z',
  'arn:aws:ecs:eu-central-1:000000000000:task/agents/x',
  ':'.repeat(20),
  'a'.repeat(10_000),
  [],
  {},
  [null],
  [[]],
  { id: 'x', type: 'y' },
  { data: null },
);

const anyJson = fc.jsonValue({ maxDepth: 4 });
/** Values that replace one part of a message. */
export const junk = fc.oneof(nasty, fc.jsonValue({ maxDepth: 2 }), fc.string());

export interface Damage {
  /** Counts the parts of a value. The first part is the value itself. */
  readonly at: number;
  readonly how: 'replace' | 'remove' | 'add';
  readonly by: unknown;
}

export const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom('replace' as const, 'remove' as const, 'add' as const),
  by: junk,
});

function placesIn(holder: object): { readonly holder: object; readonly key: string }[] {
  return Object.keys(holder).flatMap((key) => {
    const value = Reflect.get(holder, key);
    return [{ holder, key }, ...(typeof value === 'object' && value !== null ? placesIn(value) : [])];
  });
}

/** Copies a value and damages one part of the copy: replaces it, removes it or adds something to it. */
export function damagedBy(value: unknown, { at, how, by }: Damage): unknown {
  const copy = { value: structuredClone(value) };
  const places = placesIn(copy);
  const { holder, key } = places[at % places.length] ?? { holder: copy, key: 'value' };
  const old = Reflect.get(holder, key);
  if (how === 'remove') Reflect.deleteProperty(holder, key);
  else if (how === 'add' && typeof old === 'object' && old !== null) Reflect.set(old, 'extra', by);
  else Reflect.set(holder, key, by);
  return copy.value;
}

/** Generates any JSON, or copies of a valid value in which one to three parts are damaged. */
export function anyLike(good: unknown): fc.Arbitrary<unknown> {
  const damages = fc.array(damage, { minLength: 1, maxLength: 3 });
  return fc.oneof(
    anyJson,
    damages.map((all) => all.reduce(damagedBy, good)),
  );
}

/** A value that looks like an API token. No error may repeat it. */
export const SECRET = 'zZ9aB8cC7dD6eE.atlasv1.doNotShowThisAnywhereAtAll0123456789';
export const SECRET_PART = 'doNotShowThis';
export const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant(SECRET));
