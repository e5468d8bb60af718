/**
 * The engine: runs accesses through TLBs, walk caches and tables of any geometry. It is `src/mmu/simulate.ts` again, written for
 * WebAssembly, where sizes are data and no run is slower because of another; a test holds the two against each other.
 *
 * The host describes a core and a tree, then fills the input with words of accesses chunk by chunk (see `access-words.ts`).
 */
import { take } from "./memory";
import { FLAGS, replace, use, useOtherHere } from "./sets";
import {
  addArray,
  addPlace,
  flushTlb,
  found,
  foundLg2,
  frameOf,
  initTlb,
  levelOf,
  levels,
  look,
  makeStorable,
  NOT_EXEC,
  NOT_STORABLE,
  Place,
  put,
  setOf,
} from "./tlb";
import {
  addWalkCache,
  DIRTY,
  EXEC,
  failed,
  flushTree,
  hardware,
  initLevel,
  initNotes,
  initTree,
  leafLg2,
  leafWord,
  linesAt,
  readsAt,
  reserveTables,
  resetTree,
  takeNotes,
  WRITABLE,
  walk,
} from "./walk";

export { addStack, initStacks, sweepJointly, sweepNested } from "./stacks";
export {
  addArray,
  addPlace,
  addWalkCache,
  failed,
  initLevel,
  initTlb,
  initTree,
  linesAt,
  readsAt,
  reserveTables,
  take,
  takeNotes,
};

let input: usize = 0;
let output: usize = 0;

const MAX_LEVELS = 8;
/** Hits of each level but the first, which are what is left of all accesses. */
const hits = memory.data(8 * MAX_LEVELS, 8);
let walks: u64 = 0;
let dirtyWalks: u64 = 0;
let faults: u64 = 0;

/** Room for chunks of `n` accesses: words in, frames out, notes of leaves. Returns the first; the others follow; 0 without memory. */
export function initChunks(n: i32): usize {
  input = take(n * 24);
  output = input + n * 8;
  initNotes(output + n * 8);
  return input;
}

/** Where the words of accesses that walk are listed, if they are; and whether those that only set dirty are. */
let listing: usize = 0;
let listDirty: bool = false;

/** Runs `n` accesses and lists the words of those that walk in the output. Returns how many there are. */
export function runListing(n: i32, dirtyToo: bool): i32 {
  listing = output;
  listDirty = dirtyToo;
  run(n, false);
  const count = <i32>(listing - output) >> 3;
  listing = 0;
  listDirty = false;
  return count;
}

function list(w: u64): void {
  store<u64>(listing, w);
  listing += 8;
}

/** Runs the first `n` accesses of the input; frames are put out only if asked for. */
export function run(n: i32, frames: bool): void {
  if (levels == 0 || frames) return runAny(n, frames);
  const data = levelOf(0, 0).first;
  const fetch = levelOf(1, 0).first;
  if (data === null || fetch === null) return runAny(n, false);
  if (data.array !== fetch.array || data.lg2 != fetch.lg2) runApart(n, data, fetch);
  else if (data.lg2 == 0 && data.shift == 8) runAlike(n, data, 8, ~0xff, 0);
  else runAlike(n, data, data.shift, data.mask, data.id);
}

function runAny(n: i32, frames: bool): void {
  for (let i = 0; i < n; i++) {
    const frame = access(load<u64>(input + (i << 3)));
    if (frames) store<f64>(output + (i << 3), <f64>frame);
  }
}

/**
 * Data and fetches begin in the same place. Most accesses hit its latest entry, which changes nothing and is one comparison: a loop
 * without calls runs over them to the next that does not.
 */
@inline
function runAlike(n: i32, place: Place, shift: u64, mask: u64, id: u64): void {
  const end = input + (n << 3);
  for (let p = input; ; p += 8) {
    p = skipLatest(p, end, place.array.base, place.array.setMask, place.array.stride, shift, mask, id);
    if (p >= end) return;
    const w = load<u64>(p);
    accessOther(w, place, setOf(place, w), (w & mask) | id);
  }
}

/** The first access from `p` on that does not hit the latest entry of its set, or may not. Two at a time, since a turn of a loop costs. */
@inline
function skipLatest(p: usize, end: usize, base: usize, setMask: u32, stride: u32, shift: u64, mask: u64, id: u64): usize {
  for (; p < end - 8; p += 16) {
    if (!isLatest(p, base, setMask, stride, shift, mask, id)) return p;
    if (!isLatest(p + 8, base, setMask, stride, shift, mask, id)) return p + 8;
  }
  return p < end && isLatest(p, base, setMask, stride, shift, mask, id) ? p + 8 : p;
}

@inline
function isLatest(p: usize, base: usize, setMask: u32, stride: u32, shift: u64, mask: u64, id: u64): bool {
  const w = load<u64>(p);
  const set = base + (<u32>(w >> shift) & setMask) * stride;
  return ((load<u64>(set) ^ ((w & mask) | id)) & (w | ~FLAGS)) == 0;
}

/** The same where fetches begin in a place of their own. */
function runApart(n: i32, data: Place, fetch: Place): void {
  const end = input + (n << 3);
  for (let p = input; p < end; p += 8) {
    const w = load<u64>(p);
    const place = (w & 2) != 0 ? fetch : data;
    const array = place.array;
    const set = array.base + (<u32>(w >> place.shift) & array.setMask) * array.stride;
    const probe = (w & place.mask) | place.id;
    if (((load<u64>(set) ^ probe) & (w | ~FLAGS)) != 0) accessOther(w, place, set, probe);
  }
}

/** One access. Returns the frame it reached, -1 for a fault. Hits of the first level are not counted. */
function access(w: u64): i64 {
  const cls = <u32>(w >> 1) & 1;
  if (levels > 0 && look(levelOf(cls, 0).first, w)) return hit(w, cls, 0);
  return levels > 1 ? below(w, cls, levelOf(cls, 1).first) : miss(w, cls);
}

/** One access that does not hit the latest entry of `place`, the first to be asked. Small, so that its registers need no saving. */
function accessOther(w: u64, place: Place, set: usize, probe: u64): void {
  if ((load<u64>(set) ^ probe) <= FLAGS || useOtherHere(place.array, set, probe)) {
    if ((load<u64>(set) & w & FLAGS) != 0) forbidden(w, load<u64>(set, 8));
    return;
  }
  const cls = <u32>(w >> 1) & 1;
  // Of the class' own list: two classes may begin in one array and go on in others.
  const next = levelOf(cls, 0).first!.next;
  if (next !== null) {
    if (look(next, w)) hit(w, cls, 0);
    else if (levels > 1) below(w, cls, levelOf(cls, 1).first);
    else miss(w, cls);
  } else if (levels > 1) secondLevel(w, cls, place, set, probe);
  else miss(w, cls);
}

/** One access that misses in a first level of one place. A second level that begins with the same size has the same key and value. */
function secondLevel(w: u64, cls: u32, place: Place, set: usize, probe: u64): void {
  const second = levelOf(cls, 1).first;
  if (second === null || second.lg2 != place.lg2) {
    below(w, cls, second);
    return;
  }
  const from = setOf(second, w);
  if (!use(second.array, from, probe)) {
    below(w, cls, second.next);
    return;
  }
  store<u64>(hits + 8, load<u64>(hits + 8) + 1);
  const key = load<u64>(from);
  const value = load<u64>(from, 8);
  replace(place.array, set, key, value);
  if ((key & w & FLAGS) != 0) forbidden(w, value);
}

/** One access that misses in the first level, and in the second before `next`. */
function below(w: u64, cls: u32, next: Place | null): i64 {
  if (look(next, w)) return hit(w, cls, 1);
  for (let l = 2; l < levels; l++) if (look(levelOf(cls, l).first, w)) return hit(w, cls, l);
  return miss(w, cls);
}

/** No level holds the page. Returns the frame that the walk leads to, -1 for a fault. */
function miss(w: u64, cls: u32): i64 {
  walks++;
  if (listing != 0) list(w);
  const frame = walk(w);
  if (frame < 0) {
    faults++;
    return -1;
  }
  const e = leafWord;
  const storable = (e & WRITABLE) != 0 && ((e & DIRTY) != 0 || (w & 1) != 0);
  const flags = (storable ? 0 : NOT_STORABLE) | ((e & EXEC) != 0 ? 0 : NOT_EXEC);
  const writable: u64 = (e & WRITABLE) != 0 ? 1 : 0;
  for (let l = 0; l < levels; l++) put(levelOf(cls, l), w, leafLg2, frame, flags, writable);
  return frame;
}

/** The entry found in level `l` goes to the levels before; then it is seen whether it allows the access. */
function hit(w: u64, cls: u32, l: i32): i64 {
  const key = load<u64>(found);
  const value = load<u64>(found, 8);
  const frame = frameOf(value, w, foundLg2);
  if (l > 0) {
    const at = hits + (l << 3);
    store<u64>(at, load<u64>(at) + 1);
    const lg2 = foundLg2;
    for (let up = l - 1; up >= 0; up--) put(levelOf(cls, up), w, lg2, frame, key & FLAGS, value & 1);
  }
  return (key & w & FLAGS) == 0 || forbidden(w, value) ? frame : -1;
}

/** An entry does not allow the access as it is. Returns whether the hardware mends that, by setting dirty for a store. */
function forbidden(w: u64, value: u64): bool {
  if (hardware && (w & value & 1) != 0) {
    dirtyWalks++;
    if (listDirty) list(w);
    if (walk(w) >= 0) {
      makeStorable(w);
      return true;
    }
  }
  faults++;
  return false;
}

/** Look-ups that hit in a level other than the first. */
export function hitsAt(l: i32): f64 {
  return <f64>load<u64>(hits + (l << 3));
}

/** Look-ups that missed. */
export function walkCount(): f64 {
  return <f64>walks;
}

/** Walks for stores that hit. */
export function dirtyWalkCount(): f64 {
  return <f64>dirtyWalks;
}

/** Accesses that ended in a fault. */
export function faultCount(): f64 {
  return <f64>faults;
}

/** Starts counting at zero. */
export function reset(): void {
  memory.fill(hits, 0, 8 * MAX_LEVELS);
  walks = 0;
  dirtyWalks = 0;
  faults = 0;
  resetTree();
}

/** Invalidates the translations of `[start, end)` in pages and all walk caches; what changed in the tables is read again. */
export function flush(start: f64, end: f64): void {
  flushTlb(<u64>start, <u64>end);
  flushTree(<u64>start, <u64>end);
}
