/** What long texts have in common, so that a merged template contains it once. A text is a list of parts: strings, and functions. */
import { equal, isArray, isObject, type Json } from './json.ts';

export type Parts = readonly Json[];

/** The parts of a text; `undefined` for other values. */
export function partsOf(value: Json): Parts | undefined {
  if (typeof value === 'string') return [value];
  const join = isObject(value) ? value['Fn::Join'] : undefined;
  return join !== undefined && isArray(join) && join[0] === '' && isArray(join[1]) ? join[1] : undefined;
}

export interface Common {
  /** The parts that all texts have at their beginning. */
  readonly start: Parts;
  /** What is between them, one for each text. */
  readonly middles: readonly Parts[];
  /** The parts that all texts have at their end. */
  readonly end: Parts;
}

export function commonText(texts: readonly Parts[]): Common {
  const start = shared(texts, false);
  const rests = texts.map((parts) => without(parts, start, false));
  const end = shared(rests, true);
  return { start, middles: rests.map((rest) => without(rest, end, true)), end };
}

function shared(all: readonly Parts[], atEnd: boolean): Json[] {
  const at = (parts: Parts, index: number) => (atEnd ? parts.at(-1 - index) : parts[index]);
  const found: Json[] = [];
  const [first = []] = all;
  for (const part of atEnd ? first.toReversed() : first) {
    if (!all.every((parts) => equal(at(parts, found.length), part))) break;
    found.push(part);
  }
  const next = all.map((parts) => at(parts, found.length));
  if (next.every((part) => typeof part === 'string')) {
    const [shortest = ''] = next.toSorted((one, other) => one.length - other.length);
    let length = 0;
    const same = (size: number) =>
      next.every((part) => (atEnd ? part.endsWith(shortest.slice(-size)) : part.startsWith(shortest.slice(0, size))));
    while (length < shortest.length && same(length + 1)) length += 1;
    if (length > 0) found.push(atEnd ? shortest.slice(-length) : shortest.slice(0, length));
  }
  return atEnd ? found.reverse() : found;
}

/** A text without its beginning, or without its end. */
function without(parts: Parts, removed: Parts, atEnd: boolean): Json[] {
  if (removed.length === 0) return [...parts];
  const whole = removed.length - 1;
  const kept = atEnd ? parts.slice(0, parts.length - whole) : parts.slice(whole);
  const last = atEnd ? removed[0] : removed[whole];
  const edge = atEnd ? kept.at(-1) : kept[0];
  const inner = atEnd ? kept.slice(0, -1) : kept.slice(1);
  if (typeof last !== 'string' || typeof edge !== 'string') return inner;
  const rest = atEnd ? edge.slice(0, edge.length - last.length) : edge.slice(last.length);
  if (rest === '') return inner;
  return atEnd ? [...inner, rest] : [rest, ...inner];
}
