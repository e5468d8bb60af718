/**
 * Seeded random numbers (splitmix32 feeding xoshiro128**), so that a result depends on its seed and nothing else.
 */

/** A stream of random numbers. */
export interface Random {
  /** The seed it was made with, for reports. */
  readonly seed: number;
  /** A whole number of 32 bits, unsigned. */
  next(): number;
  /** A whole number from 0 up to but not including `n` (at most 2^32). */
  below(n: number): number;
  /** One member of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
}

/** A stream for a seed of 32 bits. */
export function random(seed: number): Random {
  const state = seedState(seed);
  const next = () => step(state);
  const below = (n: number) => Math.floor((next() / 2 ** 32) * n);
  return { seed, next, below, pick: (list) => list[below(list.length)]! };
}

function seedState(seed: number): Uint32Array {
  const state = new Uint32Array(4);
  let s = seed >>> 0;
  for (let i = 0; i < 4; i++) {
    s = (s + 0x9e3779b9) >>> 0;
    let z = Math.imul(s ^ (s >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    state[i] = z ^ (z >>> 15);
  }
  return state;
}

function step(s: Uint32Array): number {
  const rotl = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  const result = Math.imul(rotl(Math.imul(s[1]!, 5), 7), 9) >>> 0;
  const t = s[1]! << 9;
  s[2]! ^= s[0]!;
  s[3]! ^= s[1]!;
  s[1]! ^= s[2]!;
  s[0]! ^= s[3]!;
  s[2]! ^= t;
  s[3] = rotl(s[3]!, 11);
  return result;
}
