/**
 * Sets of ways with least-recently-used replacement: the twin of `src/mmu/lru.ts` for keys of 64 bits, laid out for speed.
 *
 * A set is a block of memory: the latest used entry, then the others as a ring from the next latest on. A hit on the latest entry,
 * which most are, is one load; a new entry pushes the latest into the ring by moving the ring's head, whatever the ways; only a hit
 * further back moves entries, as many as are later than it.
 *
 *   0      8      16    20   24            24 + 16 * capacity
 *   | key  | value | head | - | key, value | key, value | ...      (one set)
 *
 * A key's two low bits are flags and no part of it. An empty entry has a key that no probe has.
 */

/** No probe: sizes end below 31. */
export const EMPTY: u64 = ~0;
/** Bits of a key that are flags. */
export const FLAGS: u64 = 3;

const HEAD: usize = 16;
const RING: usize = 24;

/** One array of sets. */
@unmanaged
export class Sets {
  base: usize;
  setMask: u32;
  /** Bytes from set to set. */
  stride: u32;
  /** Entries beside the latest: ways - 1. */
  others: i32;
  /** Capacity of the ring less one; the capacity is a power of two. */
  ringMask: i32;
  /** Sizes that it ever held, as bits: the others need not be looked for. */
  seen: u32;
}

/** Fills in an array. Returns false where memory has ended. */
export function initSets(a: Sets, take: usize, sets: i32, ways: i32): bool {
  a.setMask = sets - 1;
  a.others = ways - 1;
  a.ringMask = ringCapacity(ways) - 1;
  a.stride = setBytes(ways);
  a.base = take;
  if (take == 0) return false;
  for (let set = 0; set < sets; set++) clearSet(a, take + set * a.stride);
  return true;
}

function ringCapacity(ways: i32): i32 {
  return ways <= 2 ? 1 : 1 << (32 - clz(ways - 2));
}

/** Bytes that one set takes. */
export function setBytes(ways: i32): i32 {
  return <i32>RING + 16 * ringCapacity(ways);
}

function clearSet(a: Sets, set: usize): void {
  store<u64>(set, EMPTY);
  store<u32>(set, 0, HEAD);
  for (let i = 0; i <= a.ringMask; i++) store<u64>(set + RING + (i << 4), EMPTY);
}

/** The block of the set that a number falls into. */
export function setAt(a: Sets, index: u32): usize {
  return a.base + (index & a.setMask) * a.stride;
}

/** Looks a key up and makes it the latest, which is then the first of the block. */
export function use(a: Sets, set: usize, probe: u64): bool {
  return (load<u64>(set) ^ probe) <= FLAGS || useOther(a, set, probe);
}

function useOther(a: Sets, set: usize, probe: u64): bool {
  const ring = set + RING;
  const mask = a.ringMask << 4;
  const n = a.others << 4;
  const head = load<i32>(set, HEAD) << 4;
  for (let i = 0; i < n; i += 16) {
    const at = ring + ((head + i) & mask);
    const key = load<u64>(at);
    if ((key ^ probe) > FLAGS) continue;
    const value = load<u64>(at, 8);
    for (let j = i; j > 0; j -= 16) copy(ring + ((head + j) & mask), ring + ((head + j - 16) & mask));
    copy(ring + (head & mask), set);
    store<u64>(set, key);
    store<u64>(set, value, 8);
    return true;
  }
  return false;
}

function copy(to: usize, from: usize): void {
  v128.store(to, v128.load(from));
}

/** Makes a key that is not there the latest; the oldest goes. */
export function replace(a: Sets, set: usize, key: u64, value: u64): void {
  if (a.others > 0) {
    const head = (load<i32>(set, HEAD) - 1) & a.ringMask;
    store<i32>(set, head, HEAD);
    copy(set + RING + (head << 4), set);
  }
  store<u64>(set, key);
  store<u64>(set, value, 8);
}

/** Where an entry stands, without using it; 0 if it is not there. */
export function find(a: Sets, set: usize, probe: u64): usize {
  if ((load<u64>(set) ^ probe) <= FLAGS) return set;
  const head = load<i32>(set, HEAD);
  for (let i = 0; i < a.others; i++) {
    const at = set + RING + (((head + i) & a.ringMask) << 4);
    if ((load<u64>(at) ^ probe) <= FLAGS) return at;
  }
  return 0;
}

/** The entry of an age: 0 is the latest. */
function entryAt(a: Sets, set: usize, age: i32): usize {
  if (age == 0) return set;
  return set + RING + (((load<i32>(set, HEAD) + age - 1) & a.ringMask) << 4);
}

/**
 * Empties what `[start, end)` overlaps, in pages; the others keep their order, and the empty ones are the next to be replaced.
 * `pageShift` leads from a key to its page; a key's bits 2 to 6 are log two of its pages.
 */
export function drop(a: Sets, start: u64, end: u64, pageShift: i32): void {
  for (let s: u32 = 0; s <= a.setMask; s++) dropInSet(a, a.base + s * a.stride, start, end, pageShift);
}

function dropInSet(a: Sets, set: usize, start: u64, end: u64, pageShift: i32): void {
  let kept = 0;
  for (let age = 0; age <= a.others; age++) {
    const at = entryAt(a, set, age);
    const key = load<u64>(at);
    const first = key >> pageShift;
    const size: u64 = 1 << ((key >> 2) & 31);
    if (key == EMPTY || (first < end && first + size > start)) continue;
    const to = entryAt(a, set, kept++);
    if (to != at) copy(to, at);
  }
  for (; kept <= a.others; kept++) store<u64>(entryAt(a, set, kept), EMPTY);
}

/** Empties everything. */
export function clear(a: Sets): void {
  for (let s: u32 = 0; s <= a.setMask; s++) clearSet(a, a.base + s * a.stride);
}
