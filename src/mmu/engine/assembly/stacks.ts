/**
 * LRU stack distances: how many other keys of a set were used since the last use of one. An LRU array with more ways than that hits,
 * so that one pass tells the hits of every number of ways (Mattson and others, "Evaluation techniques for storage hierarchies", 1970).
 *
 * A stack is an array of sets as deep as the most ways that are asked about; a histogram counts by distance, "not there" last.
 */
import { take } from "./memory";
import { distance, initSets, Sets, setAt, setBytes } from "./sets";

const MAX_STACKS = 16;

@unmanaged
class Stack {
  array: Sets;
  /** From a word to the number that chooses the set. */
  shift: u64;
  /** Bits of a word that are the key. */
  mask: u64;
  /** Where a joint histogram steps by one distance of this stack, in bytes. */
  step: usize;
}

const stacks = memory.data(4 * MAX_STACKS);
let count = 0;
let depth = 0;
let input: usize = 0;
let histogram: usize = 0;

/** Begins without stacks, and with room for `n` words and a histogram. Returns where the words go; the histogram follows. */
export function initStacks(n: i32, ways: i32, counters: i32): usize {
  count = 0;
  depth = ways;
  input = take(n * 8 + counters * 8);
  histogram = input + n * 8;
  return input;
}

/** Adds a stack. False where memory has ended or there are too many. */
export function addStack(sets: i32, shift: i32, step: i32): bool {
  const at = take(offsetof<Stack>());
  const array = take(offsetof<Sets>());
  if (at == 0 || array == 0 || count == MAX_STACKS) return false;
  store<usize>(stacks + (count++ << 2), at);
  const stack = changetype<Stack>(at);
  stack.array = changetype<Sets>(array);
  stack.shift = shift;
  stack.mask = ~0 << shift;
  stack.step = step * 8;
  return initSets(stack.array, take(sets * setBytes(depth)), sets, depth);
}


function stackAt(i: i32): Stack {
  return changetype<Stack>(load<usize>(stacks + (i << 2)));
}

/**
 * Stacks of one key whose numbers of sets ascend, a histogram for each. The latest of a set is the latest of the smaller one that holds
 * it when sets are more: so the first distance of zero ends an access, and most accesses end at the first stack.
 */
export function sweepNested(n: i32): void {
  const first = stackAt(0);
  const end = input + (n << 3);
  for (let p = input; ; p += 8) {
    p = skipLatest(p, end, first.array.base, first.array.setMask, first.array.stride, first.shift, first.mask);
    if (p >= end) return;
    sweepOne(load<u64>(p));
  }
}

/** The first word from `p` on that is not the latest of its set. Those before are in no histogram: they are what is missing. */
@inline
function skipLatest(p: usize, end: usize, base: usize, setMask: u32, stride: u32, shift: u64, mask: u64): usize {
  for (; p < end; p += 8) {
    const w = load<u64>(p);
    if (load<u64>(base + (<u32>(w >> shift) & setMask) * stride) != (w & mask)) return p;
  }
  return p;
}

function sweepOne(w: u64): void {
  for (let i = 0; i < count; i++) {
    const s = stackAt(i);
    const d = distance(s.array, setAt(s.array, <u32>(w >> s.shift)), w & s.mask);
    if (d == 0) return;
    const at = histogram + ((i * (depth + 1) + d) << 3);
    store<u64>(at, load<u64>(at) + 1);
  }
}

/** Stacks of different keys; one histogram counts by all distances at once. */
export function sweepJointly(n: i32): void {
  const end = input + (n << 3);
  for (let p = input; p < end; p += 8) {
    const w = load<u64>(p);
    let at = histogram;
    for (let i = 0; i < count; i++) {
      const s = stackAt(i);
      at += distance(s.array, setAt(s.array, <u32>(w >> s.shift)), w & s.mask) * s.step;
    }
    store<u64>(at, load<u64>(at) + 1);
  }
}
