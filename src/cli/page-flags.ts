/**
 * Tells from /proc/kpageflags which folio a frame belongs to. Flags are read one PMD-sized block at a time and kept, so
 * that a frame is seen in the same folio wherever it is mapped, although the machine goes on working meanwhile.
 *
 * Source: include/uapi/linux/kernel-page-flags.h, Documentation/admin-guide/mm/pagemap.rst of Linux 6.18.
 */
import { readSync } from "node:fs";

const ANON = 1 << 12;
const HEAD = 1 << 15;
const TAIL = 1 << 16;
const HUGETLB = 1 << 17;
const NOPAGE = 1 << 20;
const THP = 1 << 22;
const ZERO = 1 << 24;

/** A frame's kind in the upper bits of its note, its folio's order in the lower ones. */
export const FrameKind = { file: 0x00, anon: 0x10, zero: 0x20, other: 0x30 } as const;
/** The bits of a note that hold its kind. */
export const KIND_MASK = 0x30;
/** The bits of a note that hold the folio order. */
export const ORDER_MASK = 0x0f;
/** The folio was being made or freed while its flags were read; the frame is noted as order 0. */
export const RACED = 0x40;

/** Notes on frames by their number. */
export class PageFlags {
  readonly #fd: number;
  readonly #block: number;
  readonly #known = new Map<number, Uint8Array>();
  readonly #raw: Uint32Array;

  /** Reads from an open /proc/kpageflags. */
  constructor(fd: number, pmdOrder: number) {
    this.#fd = fd;
    this.#block = 2 ** pmdOrder;
    this.#raw = new Uint32Array(2 * this.#block);
  }

  /** The note of a frame: kind, order, and perhaps {@link RACED}. */
  note(pfn: number): number {
    const block = Math.floor(pfn / this.#block);
    const notes = this.#known.get(block) ?? this.#read(block);
    return notes[pfn % this.#block]!;
  }

  #read(block: number): Uint8Array {
    this.#raw.fill(0);
    const bytes = this.#raw.byteLength;
    const got = readSync(this.#fd, this.#raw, 0, bytes, block * bytes);
    // Frames after the end of memory have no descriptor; a device may map them.
    const flags = Uint32Array.from({ length: this.#block }, (_, i) => (i < got / 8 ? this.#raw[low(i)]! : NOPAGE));
    const notes = frameNotes(flags);
    this.#known.set(block, notes);
    return notes;
  }
}

const BIG_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 0;

/** Index of the low half of a 64-bit word in an array of 32-bit words. */
export function low(i: number): number {
  return BIG_ENDIAN ? 2 * i + 1 : 2 * i;
}

/** Index of the high half. */
export function high(i: number): number {
  return BIG_ENDIAN ? 2 * i : 2 * i + 1;
}

/** Notes for one PMD-sized block, from the low half of its frames' flags. */
export function frameNotes(flags: Uint32Array): Uint8Array {
  const notes = new Uint8Array(flags.length);
  for (let i = 0; i < flags.length; ) {
    const n = (flags[i]! & (HEAD | THP)) === (HEAD | THP) ? folioLength(flags, i) : 1;
    const order = 31 - Math.clz32(n);
    const whole = n === 2 ** order && i % n === 0;
    for (let j = i; j < i + n; j++) notes[j] = frameNote(flags[j]!, whole ? order : 0, !whole);
    i += n;
  }
  return notes;
}

function frameNote(flags: number, order: number, broken: boolean): number {
  const large = (flags & (HEAD | TAIL)) !== 0;
  // A large folio that is no THP is hugetlb, or a driver's.
  if ((flags & (HUGETLB | NOPAGE)) !== 0 || (large && (flags & THP) === 0)) return FrameKind.other;
  const kind = (flags & ZERO) !== 0 ? FrameKind.zero : (flags & ANON) !== 0 ? FrameKind.anon : FrameKind.file;
  const raced = broken || (large && order === 0);
  return kind | order | (raced ? RACED : 0);
}

function folioLength(flags: Uint32Array, head: number): number {
  let n = 1;
  while (head + n < flags.length && (flags[head + n]! & TAIL) !== 0) n++;
  return n;
}
