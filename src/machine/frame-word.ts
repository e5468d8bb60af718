/**
 * The word that is kept of every frame: where its fields lie, and the flags. The picture is in `frames.ts`.
 */

/** Frames whose words are in one array. */
export const CHUNK_LG2 = 15;
/** Frames whose words are in one array. */
export const CHUNK = 1 << CHUNK_LG2;
/** Place of a frame's word in its array. */
export const CHUNK_MASK = CHUNK - 1;

/** Field: order of the folio, or of the free block. */
export const ORDER = 0xf;
/** The frame is the first of a free block. */
export const FREE = 1 << 4;
/** The frame belongs to a folio. */
export const USED = 1 << 5;
const FLAGS_LG2 = 6;
/** Where the count begins. */
export const COUNT_LG2 = 15;
/** One of the count. */
export const ONE = 1 << COUNT_LG2;

/** Flags of a frame ({@link Frames.flags}); those of a folio are kept at its head. */
export const FrameFlag = {
  /** `PageAnonExclusive`: no other process maps this page. */
  exclusive: 1 << FLAGS_LG2,
  /** Folio: on the deferred split queue. */
  deferred: 2 << FLAGS_LG2,
  /** A program has written to this page, so it can no longer be taken for one of zeros. */
  written: 4 << FLAGS_LG2,
  /** Folio: dirty whatever its entries say (`PG_dirty`), because entries that were have been taken out and put back. */
  dirty: 8 << FLAGS_LG2,
  /**
   * The architecture's own flag (`PG_arch_1`): on arm64 and riscv, the data cache is clean for it; on s390, it may belong to a
   * secure guest. Folio, since 6.6; before, and on s390 until it had to change, of each page.
   */
  arch1: 16 << FLAGS_LG2,
  /** Folio: its pages are those of a file (not `PageAnon`), which keeps them when nobody maps them. */
  file: 32 << FLAGS_LG2,
  /** Folio: `PG_mlocked`. */
  mlocked: 64 << FLAGS_LG2,
  /** Folio: `PG_unevictable`, on the list of those that reclaim passes over. */
  unevictable: 128 << FLAGS_LG2,
  /** Folio: MADV_FREE has said that it may be dropped while clean (`PG_swapbacked` is not set). */
  lazyFree: 256 << FLAGS_LG2,
} as const;
