/**
 * Sets of ways with least-recently-used replacement: the twin of `src/mmu/lru.ts` for keys of 64 bits, laid out for speed.
 *
 * A set is a block of memory: the latest used entry, then the others as a ring from the next latest on. A hit on the latest entry,
 * which most are, is one load; a new entry pushes the latest into the ring by moving the ring's head, whatever the ways; only a hit
 * further back moves entries, as many as are later than it. The keys of the ring stand together, so that vectors search four at a
 * time; slots of the ring that no entry has are empty.
 *
 *   0     8       16     24  32                  32 + 8 * capacity
 *   | key | value | head | - | keys of the ring | values of the ring |      (one set)
 *
 * A key's two low bits are flags and no part of it. An empty entry has a key that no probe has.
 */

/** No probe: sizes end below 31. */
export const EMPTY: u64 = ~0;
/** Bits of a key that are flags. */
export const FLAGS: u64 = 3;

const HEAD: usize = 16;
const RING: usize = 32;

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

/** A power of two, and at least the four that one step of a search compares. */
function ringCapacity(ways: i32): i32 {
  return ways <= 5 ? 4 : 1 << (32 - clz(ways - 2));
}

/** Bytes that one set takes. */
export function setBytes(ways: i32): i32 {
  return <i32>RING + 16 * ringCapacity(ways);
}

function clearSet(a: Sets, set: usize): void {
  store<u64>(set, EMPTY);
  store<u32>(set, 0, HEAD);
  for (let i = 0; i <= a.ringMask; i++) store<u64>(set + (i << 3), EMPTY, RING);
}

/** The block of the set that a number falls into. */
@inline
export function setAt(a: Sets, index: u32): usize {
  return a.base + (index & a.setMask) * a.stride;
}

/** Looks a key up and makes it the latest, which is then the first of the block. */
@inline
export function use(a: Sets, set: usize, probe: u64): bool {
  return (load<u64>(set) ^ probe) <= FLAGS || useOther(a, set, probe);
}

/** {@link use} of a key that is not the latest. */
function useOther(a: Sets, set: usize, probe: u64): bool {
  return useOtherHere(a, set, probe);
}

/**
 * {@link useOther} without a call, for the loop that most depends on it. The smallest ring, that of up to five ways, has its steps
 * written out: its keys are read singly, since a vector of keys that were written singly a moment ago has to wait for the cache.
 */
@inline
export function useOtherHere(a: Sets, set: usize, probe: u64): bool {
  if (a.ringMask == 3) return useOfFour(set, probe);
  const slot = searchMany(a, set, probe);
  if (slot < 0) return false;
  makeLatest(a, set, slot);
  return true;
}

/** Bytes from a key to its value in a ring of four. */
const FOUR: usize = 32;

@inline
function useOfFour(set: usize, probe: u64): bool {
  const ring = set + RING;
  const head = load<u32>(set, HEAD) << 3;
  const first = ring + head;
  let key = load<u64>(first);
  if ((key ^ probe) <= FLAGS) {
    const value = load<u64>(first, FOUR);
    return exchange(set, first, key, value);
  }
  const second = ring + ((head + 8) & 24);
  key = load<u64>(second);
  if ((key ^ probe) <= FLAGS) {
    const value = load<u64>(second, FOUR);
    moveInFour(second, first);
    return exchange(set, first, key, value);
  }
  const third = ring + ((head + 16) & 24);
  key = load<u64>(third);
  if ((key ^ probe) <= FLAGS) {
    const value = load<u64>(third, FOUR);
    moveInFour(third, second);
    moveInFour(second, first);
    return exchange(set, first, key, value);
  }
  const fourth = ring + ((head + 24) & 24);
  key = load<u64>(fourth);
  if ((key ^ probe) > FLAGS) return false;
  const value = load<u64>(fourth, FOUR);
  moveInFour(fourth, third);
  moveInFour(third, second);
  moveInFour(second, first);
  return exchange(set, first, key, value);
}

@inline
function moveInFour(to: usize, from: usize): void {
  store<u64>(to, load<u64>(from));
  store<u64>(to, load<u64>(from, FOUR), FOUR);
}

/** Puts the latest at the head of the ring, and another in its place. */
@inline
function exchange(set: usize, first: usize, key: u64, value: u64): bool {
  store<u64>(first, load<u64>(set));
  store<u64>(first, load<u64>(set, 8), FOUR);
  store<u64>(set, key);
  store<u64>(set, value, 8);
  return true;
}

/** Two steps as in a small ring, then all of it by vectors. */
function searchMany(a: Sets, set: usize, probe: u64): i32 {
  const mask = a.ringMask;
  let slot = load<i32>(set, HEAD);
  if ((load<u64>(set + (slot << 3), RING) ^ probe) <= FLAGS) return slot;
  slot = (slot + 1) & mask;
  if ((load<u64>(set + (slot << 3), RING) ^ probe) <= FLAGS) return slot;
  return search(a, set, probe);
}

/** The slot of the ring that has a key, -1 if none. */
@inline
function search(a: Sets, set: usize, probe: u64): i32 {
  const end = set + ((a.ringMask + 1) << 3);
  const key = i64x2.splat(probe);
  const flags = i64x2.splat(~FLAGS);
  for (let at = set; at < end; at += 32) {
    const one = i64x2.eq(v128.and(v128.load(at, RING), flags), key);
    const two = i64x2.eq(v128.and(v128.load(at, RING + 16), flags), key);
    if (v128.any_true(v128.or(one, two)))
      return (<i32>(at - set) >> 3) + ctz(i64x2.bitmask(one) | (i64x2.bitmask(two) << 2));
  }
  return -1;
}

/** Makes the entry of a slot of the ring the latest; those that were later go one back. */
@inline
function makeLatest(a: Sets, set: usize, slot: i32): void {
  const values: usize = (a.ringMask + 1) << 3;
  const mask = a.ringMask << 3;
  const head = load<i32>(set, HEAD) << 3;
  let at = slot << 3;
  const key = load<u64>(set + at, RING);
  const value = load<u64>(set + at + values, RING);
  while (at != head) {
    const from = (at - 8) & mask;
    store<u64>(set + at, load<u64>(set + from, RING), RING);
    store<u64>(set + at + values, load<u64>(set + from + values, RING), RING);
    at = from;
  }
  store<u64>(set + head, load<u64>(set), RING);
  store<u64>(set + head + values, load<u64>(set, 8), RING);
  store<u64>(set, key);
  store<u64>(set, value, 8);
}

/** Uses a key, there or not. Returns how many others were used since its last use; `ways` if it was not there. */
@inline
export function distance(a: Sets, set: usize, key: u64): i32 {
  if (load<u64>(set) == key) return 0;
  const slot = search(a, set, key);
  if (slot < 0) {
    replace(a, set, key, 0);
    return a.others + 1;
  }
  const age = (slot - load<i32>(set, HEAD)) & a.ringMask;
  makeLatest(a, set, slot);
  return age + 1;
}

/** Makes a key that is not there the latest; the oldest goes. */
@inline
export function replace(a: Sets, set: usize, key: u64, value: u64): void {
  const others = a.others;
  const mask = a.ringMask;
  if (others > 0) {
    const head = (load<i32>(set, HEAD) - 1) & mask;
    store<i32>(set, head, HEAD);
    const at = set + (head << 3);
    store<u64>(at, load<u64>(set), RING);
    store<u64>(at + ((mask + 1) << 3), load<u64>(set, 8), RING);
    if (others <= mask) store<u64>(set + (((head + others) & mask) << 3), EMPTY, RING);
  }
  store<u64>(set, key);
  store<u64>(set, value, 8);
}

/** Where the key of an entry stands, without using it; 0 if it is not there. */
export function find(a: Sets, set: usize, probe: u64): usize {
  if ((load<u64>(set) ^ probe) <= FLAGS) return set;
  for (let i = 0; i <= a.ringMask; i++) {
    const at = set + (i << 3);
    if ((load<u64>(at, RING) ^ probe) <= FLAGS) return at + RING;
  }
  return 0;
}

/** Where the key of an age stands: 0 is the latest. */
function keyAt(a: Sets, set: usize, age: i32): usize {
  if (age == 0) return set;
  return set + RING + (((load<i32>(set, HEAD) + age - 1) & a.ringMask) << 3);
}

/** From a key to its value. */
function valueOf(a: Sets, set: usize, key: usize): usize {
  return key == set ? set + 8 : key + ((a.ringMask + 1) << 3);
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
    const at = keyAt(a, set, age);
    const key = load<u64>(at);
    const first = key >> pageShift;
    const size: u64 = 1 << ((key >> 2) & 31);
    if (key == EMPTY || (first < end && first + size > start)) continue;
    const to = keyAt(a, set, kept++);
    store<u64>(to, key);
    store<u64>(valueOf(a, set, to), load<u64>(valueOf(a, set, at)));
  }
  for (; kept <= a.others; kept++) store<u64>(keyAt(a, set, kept), EMPTY);
}

/** Empties everything. */
export function clear(a: Sets): void {
  for (let s: u32 = 0; s <= a.setMask; s++) clearSet(a, a.base + s * a.stride);
}
