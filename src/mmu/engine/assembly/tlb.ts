/**
 * TLB levels: the twin of `src/mmu/tlb.ts`. A place is one size in one array; a level asks its places by size ascending.
 * Loads and stores have one list of places, fetches another; an array for both is in both.
 *
 * A key is the word of an access with line and kind cleared, and log two of the entry's pages in bits 2 to 6, which are line bits for
 * every page size. Its flags say what the entry forbids, each in the place of the kind of access that it stops: 1 a store, 2 a
 * fetch. So one comparison under the mask `word | ~3` finds a key and allows the access. A value is the first frame, and in bit 0
 * whether the page may be written.
 */
import { take } from "./memory";
import { drop, find, initSets, replace, Sets, setAt, setBytes, use } from "./sets";

/** What a key forbids. */
export const NOT_STORABLE: u64 = 1;
/** What a key forbids. */
export const NOT_EXEC: u64 = 2;

const SIZES = 32;

/** One size in one array. */
@unmanaged
export class Place {
  array: Sets;
  /** From a word to the number that chooses the set. */
  shift: u64;
  /** Bits of a word that are the page. */
  mask: u64;
  /** Log two of the pages, where a key has it. */
  id: u64;
  lg2: u64;
  next: Place | null;
}

/** One level for one class of access. */
@unmanaged
export class Level {
  first: Place | null;
  /** Place of a leaf by its size; an array of pointers behind the object. */
  placeFor: usize;
}

const MAX_LEVELS = 8;
/** Pointers to levels: those for data, then those for fetches. */
const levelTable = memory.data(4 * 2 * MAX_LEVELS);
const MAX_ARRAYS = 64;
const arrays = memory.data(4 * MAX_ARRAYS);

let arrayCount = 0;
/** Levels that there are. */
export let levels: i32 = 0;
/** From a word to a page number. */
export let pageShift: u64 = 8;

/** The level of a class: 0 is data, 1 is fetch. */
export function levelOf(cls: u32, l: i32): Level {
  return changetype<Level>(load<usize>(levelTable + ((cls * MAX_LEVELS + l) << 2)));
}

/** Begins an empty core. */
export function initTlb(count: i32, shift: i32): bool {
  levels = count;
  pageShift = shift;
  for (let cls = 0; cls < 2; cls++)
    for (let l = 0; l < count; l++) {
      const level = take(offsetof<Level>() + 4 * SIZES);
      if (level == 0) return false;
      changetype<Level>(level).placeFor = level + offsetof<Level>();
      store<usize>(levelTable + ((cls * MAX_LEVELS + l) << 2), level);
    }
  return true;
}

/** A new array; 0 where memory has ended. */
export function addArray(sets: i32, ways: i32): usize {
  const at = take(offsetof<Sets>());
  if (at == 0 || arrayCount == MAX_ARRAYS) return 0;
  store<usize>(arrays + (arrayCount++ << 2), at);
  return initSets(changetype<Sets>(at), take(sets * setBytes(ways)), sets, ways) ? at : 0;
}

/** Adds a place to the end of a level's list: the caller gives them by size ascending. */
export function addPlace(cls: u32, l: i32, array: usize, lg2: i32): bool {
  const at = take(offsetof<Place>());
  if (at == 0) return false;
  const place = changetype<Place>(at);
  place.array = changetype<Sets>(array);
  place.lg2 = lg2;
  place.shift = pageShift + lg2;
  place.mask = ~0 << (pageShift + lg2);
  place.id = lg2 << 2;
  const level = levelOf(cls, l);
  for (let size = lg2; size < SIZES; size++) store<usize>(level.placeFor + (size << 2), at);
  let last = level.first;
  if (last === null) level.first = place;
  else {
    while (last.next !== null) last = last.next!;
    last.next = place;
  }
  return true;
}

/** The set of a place that a word falls into. */
@inline
export function setOf(place: Place, w: u64): usize {
  return setAt(place.array, <u32>(w >> place.shift));
}

/** The first frame and the flags of the entry that was found last stand in its set's first entry. */
export let found: usize = 0;
/** Log two of its pages. */
export let foundLg2: u64 = 0;

/** Looks through places from one on. True if one of them holds the page, whose entry is then the latest of its set. */
export function look(first: Place | null, w: u64): bool {
  let next = first;
  while (next !== null) {
    const place = next;
    next = place.next;
    if ((place.array.seen & (1 << (<u32>place.lg2))) == 0) continue;
    const set = setOf(place, w);
    if (!use(place.array, set, (w & place.mask) | place.id)) continue;
    found = set;
    foundLg2 = place.lg2;
    return true;
  }
  return false;
}

/** Frame of a word's page by an entry. */
export function frameOf(value: u64, w: u64, lg2: u64): i64 {
  return (<i64>value >> 1) + <i64>((w >> pageShift) & (((<u64>1) << lg2) - 1));
}

/** Puts a leaf of `2^lg2` pages into one level. `frame` is that of the word's own page. */
export function put(level: Level, w: u64, lg2: u64, frame: i64, flags: u64, writable: u64): void {
  const at = load<usize>(level.placeFor + ((<usize>lg2) << 2));
  if (at == 0) return;
  const place = changetype<Place>(at);
  const first = frame - <i64>((w >> pageShift) & (((<u64>1) << place.lg2) - 1));
  replace(place.array, setOf(place, w), (w & place.mask) | place.id | flags, ((<u64>first) << 1) | writable);
  place.array.seen |= 1 << (<u32>place.lg2);
}

/** Every data entry held for a page learns that it is dirty; the order stays. */
export function makeStorable(w: u64): void {
  for (let l = 0; l < levels; l++) {
    let next = levelOf(0, l).first;
    while (next !== null) {
      const at = find(next.array, setOf(next, w), (w & next.mask) | next.id);
      if (at != 0) store<u64>(at, load<u64>(at) & ~NOT_STORABLE);
      next = next.next;
    }
  }
}

/** Invalidates the entries that overlap `[start, end)` in pages. */
export function flushTlb(start: u64, end: u64): void {
  for (let i = 0; i < arrayCount; i++)
    drop(changetype<Sets>(load<usize>(arrays + (i << 2))), start, end, <i32>pageShift);
}
