/**
 * The frame of a `.ptt` file, ptlab's own form of a trace: a head, blocks of accesses that stand on their own, an index, a tail. All
 * numbers are little-endian; `u64` are below 2^53.
 *
 *     head    89 50 54 54 0d 0a 1a 0a   damaged by whatever changes line ends or the eighth bit, as PNG's
 *             u8 version 1, u8 log two of the bytes in a line: 6, u8 mask of kinds kept, u8 0
 *             u32 accesses in a block (B), u32 bytes of text, the text in UTF-8: what was traced
 *             u32 crc of all before it
 *     block   u32 accesses: B, in the last block 1 to B; u32 bytes unpacked, u32 bytes packed
 *             u32 crc of these twelve bytes and the packed ones; packed bytes: raw deflate of `ptt-block.ts`
 *     index   u32 0, where a block would have accesses; u32 blocks; u32 areas; u32 0
 *             for each block u64 offset: block i begins with access i * B
 *             for each area u64 first page of 4K, u64 the page behind its last: what the program had touched by the end of this trace,
 *             before its beginning too; ascending and apart
 *             u64 loads, u64 stores, u64 fetches, u64 lowest line, u64 highest line (0 and 0 in an empty trace)
 *             u32 crc of the index
 *     tail    u64 offset of the index, 50 54 54 65 6e 64 0d 0a
 */

import { crc32 } from "./crc32.ts";
import type { KindMask } from "./sink.ts";

/** First bytes of a file. */
export const PTT_MAGIC = Uint8Array.of(0x89, 0x50, 0x54, 0x54, 0x0d, 0x0a, 0x1a, 0x0a);
const END_MAGIC = Uint8Array.of(0x50, 0x54, 0x54, 0x65, 0x6e, 0x64, 0x0d, 0x0a);
/** The version that is written and read. */
export const PTT_VERSION = 1;

/** Bytes of a head without its text. */
export const HEAD_BYTES = 24;
/** Bytes before the packed ones of a block. */
export const BLOCK_HEAD_BYTES = 16;
/** Bytes of a tail. */
export const TAIL_BYTES = 16;
/** Longest text, in bytes of UTF-8. */
export const MAX_TEXT = 4096;
/** Most accesses in a block. */
export const MAX_BLOCK = 2 ** 20;
/** Most areas in an index. */
export const MAX_AREAS = 1024;
const INDEX_FIXED_BYTES = 16 + 5 * 8 + 4;

/** What a head says. */
export interface PttHead {
  readonly version: number;
  readonly lineLg2: number;
  readonly kinds: KindMask;
  /** Accesses in a block. */
  readonly block: number;
  readonly text: string;
}

/** What stands before the packed bytes of a block. */
export interface PttBlockHead {
  readonly accesses: number;
  readonly unpacked: number;
  readonly packed: number;
  readonly crc: number;
}

/** What an index says. */
export interface PttIndex {
  /** Where each block begins. */
  readonly offsets: readonly number[];
  /** What the program had touched by the end of the trace, in pages of 4K. */
  readonly areas: readonly { readonly start: number; readonly end: number }[];
  /** Accesses by kind. */
  readonly counts: readonly number[];
  readonly lowest: number;
  readonly highest: number;
}

/** The bytes of a head. */
export function headBytes(head: PttHead): Uint8Array {
  const text = new TextEncoder().encode(head.text);
  const bytes = new Uint8Array(HEAD_BYTES + text.length);
  const view = new DataView(bytes.buffer);
  bytes.set(PTT_MAGIC);
  bytes.set([head.version, head.lineLg2, head.kinds], 8);
  view.setUint32(12, head.block, true);
  view.setUint32(16, text.length, true);
  bytes.set(text, 20);
  return sealed(bytes);
}

/** Bytes of the text of the head that begins with these {@link HEAD_BYTES} bytes. */
export function textLength(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(16, true);
}

/** What whole head bytes say, or null if their checksum differs. */
export function parseHead(bytes: Uint8Array): PttHead | null {
  if (!isSealed(bytes)) return null;
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(20, -4));
  const [version, lineLg2, kinds] = bytes.subarray(8);
  return { version: version!, lineLg2: lineLg2!, kinds: kinds!, block: viewOf(bytes).getUint32(12, true), text };
}

/** The bytes of a block. */
export function blockBytes(accesses: number, unpacked: number, packed: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(BLOCK_HEAD_BYTES + packed.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of [accesses, unpacked, packed.length].entries()) view.setUint32(4 * i, value, true);
  bytes.set(packed, BLOCK_HEAD_BYTES);
  view.setUint32(12, blockCrc(bytes), true);
  return bytes;
}

/** What the first {@link BLOCK_HEAD_BYTES} bytes of a block say. */
export function parseBlockHead(bytes: Uint8Array): PttBlockHead {
  const view = viewOf(bytes);
  const [accesses, unpacked, packed, crc] = [0, 4, 8, 12].map((at) => view.getUint32(at, true));
  return { accesses: accesses!, unpacked: unpacked!, packed: packed!, crc: crc! };
}

/** The checksum that belongs to the bytes of a whole block. */
export function blockCrc(bytes: Uint8Array): number {
  return crc32(bytes.subarray(BLOCK_HEAD_BYTES), crc32(bytes.subarray(0, 12)));
}

/** The bytes of an index and of the tail behind it. */
export function indexBytes(index: PttIndex, offset: number): Uint8Array {
  const { offsets, areas, counts, lowest, highest } = index;
  const bytes = new Uint8Array(indexLength(offsets.length, areas.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(4, offsets.length, true);
  view.setUint32(8, areas.length, true);
  let at = 16;
  const put = (value: number) => {
    setU64(view, at, value);
    at += 8;
  };
  for (const start of offsets) put(start);
  for (const { start, end } of areas) [start, end].forEach(put);
  for (const value of [...counts, lowest, highest]) put(value);
  const tail = new Uint8Array(TAIL_BYTES);
  setU64(new DataView(tail.buffer), 0, offset);
  tail.set(END_MAGIC, 8);
  return joined([sealed(bytes), tail]);
}

/** Bytes of an index with so many blocks and areas. */
export function indexLength(blocks: number, areas: number): number {
  return INDEX_FIXED_BYTES + 8 * blocks + 16 * areas;
}

/** What the bytes of an index say, or null if their checksum or their length is wrong. */
export function parseIndex(bytes: Uint8Array): PttIndex | null {
  if (bytes.length < INDEX_FIXED_BYTES || !isSealed(bytes)) return null;
  const view = viewOf(bytes);
  const [none, blocks, areas, zero] = [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  if (none !== 0 || zero !== 0 || areas > MAX_AREAS || bytes.length !== indexLength(blocks, areas)) return null;
  let at = 16;
  const next = () => {
    at += 8;
    return getU64(view, at - 8);
  };
  const list = <T>(n: number, make: () => T) => Array.from({ length: n }, make);
  const offsets = list(blocks, next);
  const pairs = list(areas, () => ({ start: next(), end: next() }));
  return { offsets, areas: pairs, counts: list(3, next), lowest: next(), highest: next() };
}

/** Offset of the index by the tail's bytes, or null if they are no tail. */
export function parseTail(bytes: Uint8Array): number | null {
  const same = END_MAGIC.every((byte, i) => bytes[8 + i] === byte);
  return bytes.length === TAIL_BYTES && same ? getU64(viewOf(bytes), 0) : null;
}

/** Byte arrays one after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Bytes with the checksum of all but their last four in these four. */
function sealed(bytes: Uint8Array): Uint8Array {
  viewOf(bytes).setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  return bytes;
}

function isSealed(bytes: Uint8Array): boolean {
  return viewOf(bytes).getUint32(bytes.length - 4, true) === crc32(bytes.subarray(0, -4));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** Beyond 2^53 the last bits are lost; such a number is wrong wherever it stands. */
function getU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}
