/** Random numbers from a string seed, the same on every machine. Algorithm: sfc32 (Chris Doty-Humphrey's small fast counter). */
export class Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    this.#seed = seed;
    this.#a = hashOf(`${seed}#a`);
    this.#b = hashOf(`${seed}#b`);
    this.#c = hashOf(`${seed}#c`);
    for (let i = 0; i < 12; i += 1) this.next();
  }

  /** A separate sequence for one purpose. Draws for other purposes don't change it, so a world stays similar while it is shrunk. */
  stream(purpose: string): Random {
    return new Random(`${this.#seed}/${purpose}`);
  }

  /** A number from 0 to just below 1. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 4_294_967_296;
  }

  /** A number from `least` to just below `most`. */
  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  /** An integer in the range, which includes both ends. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[Math.floor(this.next() * items.length)] ?? items[0];
  }

  /** One of the items; `undefined` if there are none. */
  among<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.next() * items.length)];
  }
}

/** A 32-bit hash: FNV-1a with a final mixing step. */
export function hashOf(text: string, basis = 0x811c9dc5): number {
  let hash = basis;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
