/**
 * The walk: the twin of `src/mmu/translate.ts`, `walker.ts` and `walk-cache.ts`, over tables that the host has decoded.
 *
 * The host decodes a table when a walk first comes to it, into a block: a head, then a word of 64 bits for each slot.
 *
 *    63                                    12 11-8  7    6       5    4     3     2        1-0
 *   +----------------------------------------+----+----+-------+----+-----+-----+--------+----+
 *   | frame, table number, or block's address |    |cont|refused|exec|young|dirty|writable|kind|
 *   +----------------------------------------+----+----+-------+----+-----+-----+--------+----+
 *   kind: 0 nothing, 1 a table by number, 2 a leaf, 3 a table whose block is known
 *
 * Hardware keeps no entries that are not present, and neither do blocks: a walk that would fault asks the host to look again.
 */
import { take } from "./memory";
import { clear, initSets, replace, Sets, setAt, setBytes, use } from "./sets";

/** Decodes all slots of a table into words from `to` on. */
declare function decode(table: u32, level: i32, to: usize): void;

/** Decodes one slot again. Returns whether it says something else now. */
declare function again(table: u32, index: u32, level: i32, to: usize): bool;

/** A table by number. */
const TABLE: u64 = 1;
const LEAF: u64 = 2;
/** A table by its block. */
const BLOCK: u64 = 3;
const KIND: u64 = 3;
/** The leaf may be written. */
export const WRITABLE: u64 = 1 << 2;
/** The leaf is dirty. */
export const DIRTY: u64 = 1 << 3;
const YOUNG: u64 = 1 << 4;
/** The leaf may be executed. */
export const EXEC: u64 = 1 << 5;
const REFUSED: u64 = 1 << 6;
const CONT: u64 = 1 << 7;
const PAYLOAD: u64 = 12;

/** One level of the tree, and what was counted there. */
@unmanaged
class TableLevel {
  /** From a word to the index in a table. */
  shift: u64;
  indexMask: u64;
  /** Bits of a word that one entry's pages have in common. */
  pageMask: u64;
  /** Log two of the base pages under a leaf, alone and as a contiguous block. */
  lg2: u64;
  contLg2: u64;
  reads: u64;
  lines: u64;
  /** The walk cache of entries of this level. */
  cache: Sets | null;
  /** Where the present walk read: the block, and the number of the line in it. */
  block: usize;
  line: u32;
}

/**
 * What stands before a block, which is the words of a table: first this, then a byte for each line of the table, whether it was read
 * since the last reset. A walk needs no more of it than the line, and so one line of cache.
 */
@unmanaged
class Head {
  table: u32;
  level: i32;
  /** First page under it, in the tree. */
  first: u64;
  /** Whether the words are those of the table. */
  valid: bool;
}

const MAX_LEVELS = 8;
const levelTable = memory.data(MAX_LEVELS * offsetof<TableLevel>(), 8);

let top: i32 = 0;
let rootTable: u32 = 0;
let root: usize = 0;
let slots: u32 = 0;
/** Log two of the slots in a line. */
let lineSlotsLg2: u32 = 0;
/** Lines in a table. */
let tableLines: u32 = 0;
let pageShift: u64 = 8;
/** What a leaf must be for each kind of access, as bits that must be set. */
const needs = memory.data(4 * 8, 8);
/** Whether hardware keeps accessed and dirty. */
export let hardware: bool = true;

/** The part of the tree that the last walk went through, and its table of level 1: most walks go there again. */
let nearKey: u64 = 0;
let nearBlock: usize = 0;

/** Blocks by number of the table; a pointer each, 0 where there is none yet. */
let known: usize = 0;
let knownCount: u32 = 0;

/** Leaves that became accessed or dirty: slot, then level and whether dirty. The host puts them into the tables. */
let notes: usize = 0;
let noteCount: i32 = 0;

/** 1 where a walk cache led below the entry that a walk ended at; 2 where memory has ended. */
let failure: i32 = 0;

/** Log two of the pages of the leaf that the last walk ended at. */
export let leafLg2: u64 = 0;
/** Its word, as it was before the walk. */
export let leafWord: u64 = 0;

@inline
function at(level: i32): TableLevel {
  return changetype<TableLevel>(levelTable + level * offsetof<TableLevel>());
}

/** What has gone wrong; 0 is nothing. */
export function failed(): i32 {
  return failure;
}

/** Begins a tree without tables. */
export function initTree(levels: i32, rootNumber: u32, slotsLg2: i32, entryBytes: i32, shift: i32, sets: bool): void {
  top = levels - 1;
  rootTable = rootNumber;
  slots = 1 << slotsLg2;
  lineSlotsLg2 = entryBytes == 4 ? 4 : 3;
  tableLines = slots >> lineSlotsLg2;
  pageShift = shift;
  hardware = sets;
  const young = sets ? 0 : YOUNG;
  store<u64>(needs, LEAF | young);
  store<u64>(needs + 8, LEAF | young | WRITABLE | (sets ? 0 : DIRTY));
  store<u64>(needs + 16, LEAF | young | EXEC);
  store<u64>(needs + 24, LEAF | young);
}

/** Describes one level. */
export function initLevel(level: i32, spanLg2: i32, indexLg2: i32, contLg2: i32): void {
  const l = at(level);
  l.shift = pageShift + spanLg2;
  l.indexMask = (1 << indexLg2) - 1;
  l.pageMask = ~0 << (pageShift + spanLg2);
  l.lg2 = spanLg2;
  l.contLg2 = spanLg2 + contLg2;
}

/** Gives a level a walk cache. False where memory has ended. */
export function addWalkCache(level: i32, sets: i32, ways: i32): bool {
  const cache = take(offsetof<Sets>());
  if (cache == 0) return false;
  at(level).cache = changetype<Sets>(cache);
  return initSets(changetype<Sets>(cache), take(sets * setBytes(ways)), sets, ways);
}

/** Room for notes of one chunk of accesses, two numbers of 32 bits each. */
export function initNotes(to: usize): void {
  notes = to;
}

/** Notes since the last call. */
export function takeNotes(): i32 {
  const n = noteCount;
  noteCount = 0;
  return n;
}

/** Makes room for tables up to a number. False where memory has ended. */
export function reserveTables(count: u32): bool {
  if (count <= knownCount) return true;
  const to = take(count << 2);
  if (to == 0) return false;
  memory.copy(to, known, knownCount << 2);
  known = to;
  knownCount = count;
  return true;
}

@inline
function headOf(block: usize): Head {
  return changetype<Head>(block - tableLines - offsetof<Head>());
}

/** The block of a table, made and decoded if that is due. 0 where memory has ended. */
function blockOf(table: u32, level: i32, w: u64): usize {
  const k = known + (table << 2);
  let block = load<usize>(k);
  if (block == 0) {
    // Words begin with a line of cache.
    const before = (offsetof<Head>() + tableLines + 63) & ~(<usize>63);
    const to = take(before + (slots << 3));
    if (to == 0) {
      failure = 2;
      return 0;
    }
    block = to + before;
    store<usize>(k, block);
  }
  const head = headOf(block);
  if (head.valid) return block;
  head.table = table;
  head.level = level;
  head.first = level == top ? 0 : (w >> at(level + 1).shift) << at(level + 1).lg2;
  decode(table, level, block);
  head.valid = true;
  return block;
}

/** Walks for one access. Returns the frame of its page, -1 for a fault. */
export function walk(w: u64): i64 {
  if (root == 0) {
    root = blockOf(rootTable, top, w);
    if (root == 0) return -1;
  }
  const need = load<u64>(needs + ((<usize>(w & 3)) << 3));
  let block = root;
  let level = top;
  if (top > 1) {
    // What the levels above noted of that walk is true of this one.
    if (nearBlock != 0 && ((w ^ nearKey) & at(2).pageMask) == 0) {
      block = nearBlock;
      level = 1;
    } else nearBlock = 0;
  }
  let asked = false;
  let where: usize = 0;
  let e: u64 = 0;
  while (true) {
    const l = at(level);
    const index = <u32>((w >> l.shift) & l.indexMask);
    where = block + (index << 3);
    l.block = block;
    l.line = index >> lineSlotsLg2;
    e = load<u64>(where);
    if ((e & KIND) == TABLE) {
      const child = blockOf(<u32>(e >> PAYLOAD), level - 1, w);
      if (child == 0) return -1;
      e = ((<u64>child) << PAYLOAD) | BLOCK;
      store<u64>(where, e);
    }
    if ((e & KIND) == BLOCK) {
      block = <usize>(e >> PAYLOAD);
      level--;
      if (level == 1) near(w, block);
      continue;
    }
    if ((e & (need | KIND | REFUSED)) == need || asked) break;
    asked = true;
    if (!again(headOf(block).table, index, level, where)) break;
  }
  countReads(w, level);
  if ((e & (need | KIND | REFUSED)) != need) return -1;
  const l = at(level);
  leafWord = e;
  leafLg2 = e & CONT ? l.contLg2 : l.lg2;
  if (hardware) note(e, e | YOUNG | ((w & 1) << 3), where, level, block);
  return <i64>(e >> PAYLOAD) + <i64>((w >> pageShift) & (((<u64>1) << l.lg2) - 1));
}

@inline
function near(w: u64, block: usize): void {
  nearKey = w;
  nearBlock = block;
}

function note(was: u64, is: u64, where: usize, level: i32, block: usize): void {
  if (was == is) return;
  store<u64>(where, is);
  const index = <u32>(where - block) >> 3;
  const to = notes + (noteCount++ << 3);
  store<u32>(to, headOf(block).table * slots + index);
  store<u32>(to, level | (is & DIRTY ? 256 : 0), 4);
}

/** Every walk uses its table entry in the cache of every level; it reads from below the lowest that was held. */
function countReads(w: u64, last: i32): void {
  let first = top;
  for (let level = top; level > last; level--) {
    const l = at(level);
    const cache = l.cache;
    if (cache === null) continue;
    const set = setAt(cache, <u32>(w >> l.shift));
    const key = w & l.pageMask;
    if (use(cache, set, key)) first = level - 1;
    else replace(cache, set, key, 0);
  }
  if (first < last) failure = 1;
  for (let level = first; level >= last; level--) {
    const l = at(level);
    l.reads++;
    const line = l.block - tableLines + l.line;
    if (load<u8>(line) != 0) continue;
    store<u8>(line, 1);
    l.lines++;
  }
}

/** Table reads of a level. */
export function readsAt(level: i32): f64 {
  return <f64>at(level).reads;
}

/** Different lines read of a level. */
export function linesAt(level: i32): f64 {
  return <f64>at(level).lines;
}

/** Starts counting reads and lines at zero. */
export function resetTree(): void {
  for (let level = 0; level <= top; level++) {
    at(level).reads = 0;
    at(level).lines = 0;
  }
  for (let i: u32 = 0; i < knownCount; i++) {
    const block = load<usize>(known + (i << 2));
    if (block != 0) memory.fill(block - tableLines, 0, tableLines);
  }
}

/** Forgets walk caches, and all blocks with pages of `[start, end)`, so that they are decoded again. */
export function flushTree(start: u64, end: u64): void {
  for (let level = 1; level <= top; level++) {
    const cache = at(level).cache;
    if (cache !== null) clear(cache);
  }
  const t = at(top);
  const tree: u64 = (t.indexMask + 1) << t.lg2;
  // An address outside the tree is at its remainder in it; such a range may wrap.
  const all = end > tree;
  for (let i: u32 = 0; i < knownCount; i++) {
    const block = load<usize>(known + (i << 2));
    if (block != 0 && (all || overlaps(headOf(block), start, end))) headOf(block).valid = false;
  }
  root = 0;
  nearBlock = 0;
}

function overlaps(head: Head, start: u64, end: u64): bool {
  if (head.level == top) return true;
  const size: u64 = 1 << at(head.level + 1).lg2;
  return head.first < end && head.first + size > start;
}
